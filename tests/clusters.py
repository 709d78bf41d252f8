"""A test cluster that knows our resource; kept running for the next session."""

from pathlib import Path

from e2e.cluster import Cluster, Profile, up
from llmfleet import names

CRD = Path(__file__).parents[1] / "crds" / "llmdeployments.yaml"


def with_crd(profile: Profile) -> Cluster:
    """Bring the profile up and install the committed CRD, so that kubectl knows it."""
    cluster = up(profile)
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRD))
    cluster.kubectl("wait", "--for=condition=Established", f"crd/{names.PLURAL}.{names.GROUP}", "--timeout=30s")
    cluster.kubectl("api-resources", f"--api-group={names.GROUP}", "--cached=false")
    return cluster
