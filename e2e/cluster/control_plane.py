"""The control plane's command lines: pure functions of a profile and its folder."""

import json
from pathlib import Path

from e2e.cluster import layout
from e2e.cluster.layout import Profile

AUDIT_LOG = "audit.log"
# One line per request: the stage in which a request arrives is left out, and so is the start of a watch.
_AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived", "ResponseStarted"],
    "rules": [{"level": "Metadata"}],
}
_ISSUER = "https://kubernetes.default.svc.cluster.local"


def server(profile: Profile) -> str:
    """Host and port of the API server."""
    return f"{layout.address(profile)}:{layout.PORTS[profile].apiserver}"


def etcd(profile: Profile, folder: Path) -> list[str]:
    """Keep the data without waiting for the disk: it never outlives the cluster."""
    ports = layout.PORTS[profile]
    client, peer = f"http://127.0.0.1:{ports.etcd}", f"http://127.0.0.1:{ports.etcd_peer}"
    return [
        "etcd",
        f"--data-dir={folder / 'etcd'}",
        "--unsafe-no-fsync",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--quota-backend-bytes=4294967296",
        "--auto-compaction-retention=5m",
        "--log-level=warn",
    ]


def apiserver(profile: Profile, folder: Path) -> list[str]:
    """Usual authorization and admission, audit log on, kubelet credentials of its own."""
    pki = folder / "pki"
    policy = folder / "audit-policy.json"
    policy.write_text(json.dumps(_AUDIT_POLICY))
    return [
        "kube-apiserver",
        f"--bind-address={layout.address(profile)}",
        f"--advertise-address={layout.BRIDGE_ADDRESS}",
        f"--secure-port={layout.PORTS[profile].apiserver}",
        f"--etcd-servers=http://127.0.0.1:{layout.PORTS[profile].etcd}",
        f"--service-cluster-ip-range={layout.SERVICE_NETWORK}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged",
        f"--client-ca-file={pki / 'ca.crt'}",
        f"--tls-cert-file={pki / 'apiserver.crt'}",
        f"--tls-private-key-file={pki / 'apiserver.key'}",
        f"--kubelet-client-certificate={pki / 'apiserver-kubelet-client.crt'}",
        f"--kubelet-client-key={pki / 'apiserver-kubelet-client.key'}",
        "--kubelet-preferred-address-types=InternalIP",
        f"--service-account-key-file={pki / 'service-account.pub'}",
        f"--service-account-signing-key-file={pki / 'service-account.key'}",
        f"--service-account-issuer={_ISSUER}",
        f"--audit-policy-file={policy}",
        f"--audit-log-path={folder / AUDIT_LOG}",
        "--audit-log-mode=blocking",
        "--audit-log-maxsize=10000",  # In MB: never cut into pieces, else a test would count only the last.
        "--max-requests-inflight=2000",
        "--max-mutating-requests-inflight=1000",
    ]


def controller_manager(profile: Profile, folder: Path) -> list[str]:
    """All default controllers, each with its own account, at a rate that lets hundreds of pods start at once."""
    pki = folder / "pki"
    config = str(pki / "kube-controller-manager.kubeconfig")
    # Simulated nodes are lost in tests, which then wait for so long; a real one outlives a control plane that is away.
    patience = ["--node-monitor-grace-period=20s"] if profile is Profile.CONTROL else []
    return [
        "kube-controller-manager",
        "--bind-address=127.0.0.1",
        f"--secure-port={layout.PORTS[profile].controller_manager}",
        f"--kubeconfig={config}",
        f"--authentication-kubeconfig={config}",
        f"--authorization-kubeconfig={config}",
        "--leader-elect=false",
        "--use-service-account-credentials",
        f"--service-account-private-key-file={pki / 'service-account.key'}",
        f"--root-ca-file={pki / 'ca.crt'}",
        f"--cluster-signing-cert-file={pki / 'ca.crt'}",
        f"--cluster-signing-key-file={pki / 'ca.key'}",
        f"--flex-volume-plugin-dir={folder / 'volume-plugins'}",
        *patience,
        "--kube-api-qps=300",
        "--kube-api-burst=600",
        "--concurrent-deployment-syncs=20",
        "--concurrent-replicaset-syncs=20",
    ]


def scheduler(profile: Profile, folder: Path) -> list[str]:
    """Return the default scheduler's command line."""
    config = str(folder / "pki" / "kube-scheduler.kubeconfig")
    return [
        "kube-scheduler",
        "--bind-address=127.0.0.1",
        f"--secure-port={layout.PORTS[profile].scheduler}",
        f"--kubeconfig={config}",
        f"--authentication-kubeconfig={config}",
        f"--authorization-kubeconfig={config}",
        "--leader-elect=false",
        "--kube-api-qps=300",
        "--kube-api-burst=600",
    ]


def kwok(folder: Path, stages: Path) -> list[str]:
    """Plays the kubelets of the nodes labelled type=kwok by the given stages."""
    return [
        "kwok",
        f"--kubeconfig={folder / 'pki' / 'kwok.kubeconfig'}",
        "--manage-all-nodes=false",
        "--manage-nodes-with-label-selector=type=kwok",
        f"--config={stages}",
        "--node-lease-duration-seconds=40",
        "--cidr=198.18.16.0/20",
        "--node-ip=198.18.0.2",
    ]
