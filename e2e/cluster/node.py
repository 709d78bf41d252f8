"""The real node: kubelet, kube-proxy and cluster DNS, as settings and command lines."""

import json
from pathlib import Path
from typing import Any

from e2e.cluster import containers, gpus, layout


def kubelet(folder: Path) -> list[str]:
    """Write the kubelet's settings and return its command line."""
    config = folder / "kubelet.json"
    config.write_text(json.dumps(_kubelet_config(folder), indent=2))
    labels = ",".join(f"{key}={value}" for key, value in gpus.LABELS.items())
    return [
        "kubelet",
        f"--config={config}",
        f"--kubeconfig={folder / 'pki' / 'kubelet.kubeconfig'}",
        f"--root-dir={folder / 'kubelet'}",
        f"--cert-dir={folder / 'kubelet-pki'}",
        f"--hostname-override={layout.NODE}",
        f"--node-ip={layout.BRIDGE_ADDRESS}",
        f"--node-labels={labels}",
    ]


def kube_proxy(folder: Path) -> list[str]:
    """Write kube-proxy's settings and return its command line."""
    metrics, health = layout.PROXY_PORTS
    config = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(folder / "pki" / "kube-proxy.kubeconfig")},
        "bindAddress": layout.BRIDGE_ADDRESS,
        "metricsBindAddress": f"127.0.0.1:{metrics}",
        "healthzBindAddress": f"127.0.0.1:{health}",
        "hostnameOverride": layout.NODE,
        "mode": "iptables",
        "clusterCIDR": layout.POD_NETWORK,
        # Answers between two pods of one bridge would miss the way back through address translation.
        "iptables": {"masqueradeAll": True, "localhostNodePorts": False, "minSyncPeriod": "100ms"},
        # Zero leaves the host's own settings alone.
        "conntrack": {
            "maxPerCore": 0,
            "min": 0,
            "tcpEstablishedTimeout": "0s",
            "tcpCloseWaitTimeout": "0s",
        },
        "oomScoreAdj": 0,
    }
    path = folder / "kube-proxy.json"
    path.write_text(json.dumps(config, indent=2))
    return ["kube-proxy", f"--config={path}"]


def coredns(folder: Path) -> list[str]:
    """Write CoreDNS's settings and return its command line; unknown names end at once, there is no way out."""
    path = folder / "Corefile"
    ours = " ".join(f"{zone}:{layout.DNS_PORT}" for zone in ("cluster.local", "in-addr.arpa", "ip6.arpa"))
    path.write_text(
        f"""{ours} {{
    bind {layout.BRIDGE_ADDRESS}
    errors
    ready 127.0.0.1:{layout.DNS_PORT + 1}
    kubernetes cluster.local in-addr.arpa ip6.arpa {{
        kubeconfig {folder / "pki" / "coredns.kubeconfig"}
        pods insecure
        ttl 5
    }}
    cache 5
}}
.:{layout.DNS_PORT} {{
    bind {layout.BRIDGE_ADDRESS}
    template ANY ANY {{
        rcode NXDOMAIN
    }}
}}
"""
    )
    return ["coredns", f"-conf={path}"]


def _kubelet_config(folder: Path) -> dict[str, Any]:
    port, health = layout.KUBELET_PORTS
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": layout.BRIDGE_ADDRESS,
        "port": port,
        "healthzBindAddress": "127.0.0.1",
        "healthzPort": health,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(folder / "pki" / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "containerRuntimeEndpoint": f"unix://{containers.socket(folder)}",
        "clusterDomain": "cluster.local",
        "clusterDNS": [layout.DNS_SERVICE_ADDRESS],
        "resolvConf": "",
        "maxPods": 60,
        **_cgroups(),
        **_paths(folder),
        # A developer's disk may be nearly full; images are few, and none can be pulled again.
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
        "serializeImagePulls": False,
        "nodeStatusUpdateFrequency": "5s",
        "kubeAPIQPS": 100,
        "kubeAPIBurst": 200,
        "oomScoreAdj": 0,
        "makeIPTablesUtilChains": False,
        "registerNode": True,
    }


def _cgroups() -> dict[str, Any]:
    """Works without systemd and on version 1: pods' own cgroups are off, containers' limits hold."""
    return {
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "failSwapOn": False,
        "cgroupsPerQOS": False,
        "enforceNodeAllocatable": [],
    }


def _paths(folder: Path) -> dict[str, Any]:
    return {
        "podLogsDir": str(folder / "pod-logs"),
        "volumePluginDir": str(folder / "volume-plugins"),
        "staticPodPath": "",
    }
