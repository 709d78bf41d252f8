"""An API server with our CRD, and nothing else."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.cluster import Cluster, Profile, up
from tests.integration.crd.server import Server

CRD = Path(__file__).parents[3] / "crds" / "llmdeployments.yaml"


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """The API server alone, kept running for the next session."""
    made = up(Profile.API)
    made.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRD))
    made.kubectl("wait", "--for=condition=Established", "crd/llmdeployments.llmfleet.io", "--timeout=30s")
    made.kubectl("api-resources", "--api-group=llmfleet.io", "--cached=false")
    return made


@pytest.fixture(scope="session")
def server(cluster: Cluster) -> Iterator[Server]:
    """One connection to it."""
    with Server(cluster.kubeconfig) as opened:
        yield opened
