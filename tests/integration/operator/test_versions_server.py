"""Operators of two versions, one after the other and at once: no pod notices.

The earlier one is kept in ``earlier.tar.xz``, an archive of operator/llmfleet and runtime/llmfleet_runtime from the
last commit at which rollouts had no type: a checkout need not have the history.
"""

import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from e2e.cluster import Cluster
from e2e.stack.audit import AuditLog
from tests.builders import Raw
from tests.integration.operator.conftest import REPOSITORY
from tests.integration.operator.fleet import Fleet
from tests.integration.operator.operator_process import OperatorProcess, eventually, kubeconfig_of

pytestmark = pytest.mark.cluster
EARLIER = Path(__file__).with_name("earlier.tar.xz")
LOOK_SECONDS = 5
SPEC = {
    "engine": {"maxModelLen": 512, "env": [{"name": "TZ", "value": "UTC"}]},
    "resources": {"requests": {"cpu": "1", "memory": "1Gi"}},
    "pod": {"labels": {"team": "a"}},
}
Run = Callable[..., OperatorProcess]


@pytest.fixture(scope="session")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The operator's code as it was."""
    folder = tmp_path_factory.mktemp("earlier")
    with tarfile.open(EARLIER) as archive:
        archive.extractall(folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    return folder


@pytest.fixture
def run(cluster: Cluster, namespace: str, user: str, tmp_path: Path) -> Iterator[Run]:
    """Start an operator from a source tree; all are ended after the test."""
    kubeconfig = kubeconfig_of(cluster, namespace, tmp_path / "kubeconfig")
    # What the chart of the earlier version granted besides.
    looks = ("create", "role", "earlier", "--verb=get", "--resource=deployments.apps,controllerrevisions.apps")
    cluster.kubectl("--namespace", namespace, *looks)
    binding = ("create", "rolebinding", "earlier", "--role=earlier", f"--serviceaccount={namespace}:llmfleet")
    cluster.kubectl("--namespace", namespace, *binding)
    started: list[OperatorProcess] = []

    def begin(source: Path, *, until_leading: bool = True) -> OperatorProcess:
        started.append(OperatorProcess(kubeconfig, namespace, tmp_path, f"replica-{len(started)}", source=source))
        if until_leading:
            eventually(lambda: started[-1].is_leading, bool)
        return started[-1]

    yield begin
    for each in started:
        each.kill()


def served(fleet: Fleet) -> tuple[list[Raw], list[str]]:
    """What would show a restart: the templates, and which pods there are."""
    templates = [raw["spec"]["template"] for raw in fleet.list("deployments")]
    return templates, [pod["metadata"]["uid"] for pod in fleet.list("pods")]


@pytest.mark.proves("R31", "R32")
def test_an_upgrade_and_the_way_back_restart_no_pod(run: Run, fleet: Fleet, earlier: Path) -> None:
    operator = run(earlier)
    fleet.create(**SPEC)
    fleet.await_condition("Ready")
    before = served(fleet)
    for source in (REPOSITORY, earlier, REPOSITORY):
        assert operator.terminate() == 0
        operator = run(source)
        time.sleep(LOOK_SECONDS)
        assert served(fleet) == before
        assert fleet.condition("Ready")["status"] == "True"
        fleet.edit(lifecycle={"drainTimeoutSeconds": 5 if source == earlier else 6})
        fleet.await_condition("Ready")
        assert served(fleet) == before


@pytest.mark.proves("F48", "R31")
def test_an_upgrade_midway_of_a_rollout_rolls_once(run: Run, fleet: Fleet, earlier: Path) -> None:
    operator = run(earlier)
    fleet.create(**SPEC)
    fleet.await_condition("Ready")
    (old,) = fleet.sizes()
    fleet.edit(engine={"maxModelLen": 1024})
    new = next(iter(eventually(fleet.sizes, lambda sizes: len(sizes) == 2).keys() - {old}))
    operator.kill()
    assert fleet.ready_pods() >= 2
    run(REPOSITORY)
    fleet.await_condition("Ready")
    eventually(fleet.sizes, lambda sizes: sizes == {new: 2})
    assert len(fleet.list("controllerrevisions")) == 2
    assert fleet.ready_pods() == 2


@pytest.mark.proves("F49", "R26")
def test_of_two_versions_at_once_one_writes(run: Run, fleet: Fleet, earlier: Path, user: str, audit: AuditLog) -> None:
    position, first = audit.end(), run(earlier)
    second = run(REPOSITORY, until_leading=False)
    eventually(lambda: second.page("/readyz"), lambda found: found[0] == 200)
    fleet.create(replicas=1, **SPEC)
    fleet.await_condition("Ready")
    assert (first.is_leading, second.is_leading) == (True, False)
    made = [each.name for each in audit.writes(position, user) if each.resource == "deployments"]
    assert len(made) == len(set(made)) == 1
    assert first.terminate() == 0
    eventually(lambda: second.is_leading, bool, 10)
    fleet.edit(replicas=2)
    fleet.await_condition("Ready")
