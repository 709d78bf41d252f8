"""An API server with our CRD, and nothing else."""

from collections.abc import Iterator

import pytest

from e2e.cluster import Cluster, Profile
from tests.clusters import with_crd
from tests.integration.crd.server import Server


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """The API server alone, kept running for the next session."""
    return with_crd(Profile.API)


@pytest.fixture(scope="session")
def server(cluster: Cluster) -> Iterator[Server]:
    """One connection to it."""
    with Server(cluster.kubeconfig) as opened:
        yield opened
