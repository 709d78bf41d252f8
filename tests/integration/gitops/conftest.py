"""One operator looks after the fleets of a module; each test has a fleet of its own name."""

import itertools
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from e2e.cluster import Cluster, Profile
from e2e.stack.audit import AuditLog
from tests.clusters import with_crd
from tests.integration.gitops.repository import Repository
from tests.integration.operator.conftest import Start, fresh_namespace, grant, starter
from tests.integration.operator.operator_process import OperatorProcess

NO_CHILDREN = ("llmdeployments", "events")


@dataclass
class Operator:
    """The operator of a module, which may be away for a while."""

    start: Start
    user: str
    """As the audit log names it."""

    def __post_init__(self) -> None:
        self._identities = map(str, itertools.count())
        self.process: OperatorProcess = self.start(next(self._identities))

    @contextmanager
    def away(self) -> Iterator[None]:
        """No operator runs within."""
        self.process.terminate()
        try:
            yield
        finally:
            self.process = self.start(next(self._identities))

    def wrote(self, audit: AuditLog, position: int, fleet: Repository) -> set[tuple[str, str]]:
        """Resource and name of the children of a fleet that were written since a position of the log.

        A name that is taken shows in the server's refusal: such a request wrote nothing.
        """
        admitted = (each for each in audit.writes(position, self.user) if each.code < 400)
        written = {(each.resource, each.name) for each in admitted}
        return {(kind, name) for kind, name in written if kind not in NO_CHILDREN and name.startswith(fleet.name)}


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """Kept running for the next session."""
    return with_crd(Profile.CONTROL)


@pytest.fixture(scope="module")
def namespace(cluster: Cluster) -> Iterator[str]:
    with fresh_namespace(cluster) as name:
        yield name


@pytest.fixture(scope="module")
def operator(cluster: Cluster, namespace: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    user = grant(cluster, namespace)
    with starter(cluster, namespace, tmp_path_factory.mktemp("operator")) as start:
        yield Operator(start, user)


@pytest.fixture
def fleet(cluster: Cluster, namespace: str, operator: Operator) -> Iterator[Repository]:
    fleet = Repository(cluster, namespace, f"fleet-{uuid.uuid4().hex[:6]}")
    yield fleet
    fleet.kubectl("delete", "llm", "--all", "--wait=false")


@pytest.fixture
def audit(cluster: Cluster) -> AuditLog:
    return AuditLog(cluster.audit_log)
