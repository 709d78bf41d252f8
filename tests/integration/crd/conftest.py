"""An API server with our CRD, and nothing else."""

import uuid
from collections.abc import Iterator

import pytest

from e2e.cluster import Cluster, Profile
from tests.clusters import with_crd
from tests.integration.crd.server import Server


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """The API server alone, kept running for the next session."""
    return with_crd(Profile.API)


@pytest.fixture(scope="module")
def server(cluster: Cluster) -> Iterator[Server]:
    """A connection to it, and a namespace of the module's own: others run beside it, with objects of the same names."""
    namespace = f"judged-{uuid.uuid4().hex[:8]}"
    cluster.kubectl("create", "namespace", namespace)
    with Server(cluster.kubeconfig, namespace) as opened:
        yield opened
    cluster.kubectl("delete", "namespace", namespace, "--wait=false")
