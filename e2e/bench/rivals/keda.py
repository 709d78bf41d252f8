"""KEDA itself, built from its Go module: its operator and its metrics server, with ScaledObjects on a Prometheus.

Between one replica and many KEDA hands the HPA a number and no more. Its own polls decide about zero; here they come
once, so that each question is a look of the HPA.
"""

import shutil
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from e2e.bench.autoscaling.rivals import KEDA, MOST
from e2e.bench.port import free_port
from e2e.cluster import build, layout
from e2e.cluster.progress import Report
from e2e.cluster.versions import Source

from .adapter import GROUP
from .hpa import behavior, deployment, metadata
from .scene import MARK, NAMESPACE, Document, Scene
from .series import SERIES, TARGET, Trial

MODULE, RELEASE = "github.com/kedacore/keda/v2", "v2.21.0"
OPERATOR, SERVER = "operator", "adapter"
SOURCE = Source(
    name="keda",
    requires=((MODULE, RELEASE),),
    packages={name: f"{MODULE}/cmd/{name}" for name in (OPERATOR, SERVER)},
)
MENDED = "silence-mended"
TRIALS = {
    **{name: Trial(name, KEDA) for name in SERIES},
    MENDED: Trial("silence", partial(KEDA, is_mended=True)),
}
POLL_SECONDS = 3600


def install(report: Report) -> Path:
    """The folder with both programs and ``crds``, built when they are not there. Raises ClusterError."""
    folder = layout.cache() / "keda" / RELEASE
    build.build_source(SOURCE, folder, report)
    if not (folder / "crds").exists():
        found = build.module_folder(MODULE, RELEASE, report) / "config" / "crd" / "bases"
        shutil.copytree(found, folder / "crds.part", dirs_exist_ok=True)
        (folder / "crds.part").rename(folder / "crds")
    return folder


def begin(folder: Path, scene: Scene, names: Iterable[str], port: int) -> None:
    """Start KEDA, have it scale Deployments by what is told there, and start the HPA controller."""
    scene.cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(folder / "crds"))
    # kubectl cannot wait for a condition of a CRD that is so new that it has none.
    for there in ("jsonpath={.status.acceptedNames.kind}=ScaledObject", "condition=Established"):
        scene.cluster.kubectl("wait", f"--for={there}", "crd/scaledobjects.keda.sh", "--timeout=60s")
    scene.apply(readable())
    service, metrics = free_port(), free_port()
    scene.start("keda-operator", operator(folder, scene, service), environment())
    scene.start("keda-metrics-apiserver", server(folder, scene, service, metrics), environment())
    scene.register(metrics)
    scene.apply(each for name in names for each in (deployment(name), scaled_object(name, port)))
    scene.start_hpa()


def environment() -> dict[str, str]:
    """Where KEDA looks, and where it takes itself to be."""
    return dict.fromkeys(("WATCH_NAMESPACE", "POD_NAMESPACE", "KEDA_CLUSTER_OBJECT_NAMESPACE"), NAMESPACE)


def operator(folder: Path, scene: Scene, service: int) -> tuple[str, ...]:
    """Its command line; it tells the metrics server at a port."""
    return (
        str(folder / OPERATOR),
        f"--metrics-service-bind-address=127.0.0.1:{service}",
        f"--cert-dir={credentials(scene, 'apiserver')}",
        "--enable-prometheus-metrics=false",
        "--health-probe-bind-address=0",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
    )


def server(folder: Path, scene: Scene, service: int, port: int) -> tuple[str, ...]:
    """Its command line; the API server asks it at a port."""
    config = scene.cluster.kubeconfig
    return (
        str(folder / SERVER),
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--tls-cert-file={scene.pki / 'apiserver.crt'}",
        f"--tls-private-key-file={scene.pki / 'apiserver.key'}",
        f"--cert-dir={credentials(scene, 'apiserver-kubelet-client')}",
        f"--metrics-service-address=127.0.0.1:{service}",
        f"--lister-kubeconfig={config}",
        f"--authentication-kubeconfig={config}",
        f"--authorization-kubeconfig={config}",
        "--authentication-skip-lookup",
        "--port=0",
    )


def credentials(scene: Scene, name: str) -> Path:
    """A folder of one of the cluster's certificates and its authority, by the names that KEDA's programs expect."""
    folder = scene.folder / name
    folder.mkdir(exist_ok=True)
    for source, target in (("ca.crt", "ca.crt"), (f"{name}.crt", "tls.crt"), (f"{name}.key", "tls.key")):
        shutil.copy(scene.pki / source, folder / target)
    return folder


def readable() -> tuple[Document, ...]:
    """Everybody may read external metrics: the test cluster's API server names no user to those that it asks."""
    rbac = "rbac.authorization.k8s.io"
    about = {"name": f"{MARK}-readers", "labels": {"bench": MARK}}
    rules = [
        {"apiGroups": [GROUP], "resources": ["*"], "verbs": ["get", "list"]},
        {"nonResourceURLs": [f"/apis/{GROUP}", f"/apis/{GROUP}/*"], "verbs": ["get"]},
    ]
    return (
        {"apiVersion": f"{rbac}/v1", "kind": "ClusterRole", "metadata": about, "rules": rules},
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": about,
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": about["name"]},
            "subjects": [{"apiGroup": rbac, "kind": "User", "name": "system:anonymous"}],
        },
    )


def scaled_object(name: str, port: int) -> Document:
    """By what a Prometheus on loopback says is waiting, so much for each replica."""
    trigger = {
        "serverAddress": f"https://localhost:{port}",
        "unsafeSsl": "true",
        "query": name,
        "threshold": f"{TARGET:g}",
        "ignoreNullValues": "false" if name == MENDED else "true",
    }
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": metadata(name),
        "spec": {
            "scaleTargetRef": {"name": name},
            "pollingInterval": POLL_SECONDS,
            "minReplicaCount": 1,
            "maxReplicaCount": MOST,
            "advanced": {"horizontalPodAutoscalerConfig": {"behavior": behavior()}},
            "triggers": [{"type": "prometheus", "metadata": trigger}],
        },
    }
