"""One authority for every proxy of the session, one cluster, and a stage for each test."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from e2e.cluster import Cluster, Profile, certificates
from tests import inspectors
from tests.clusters import with_crd
from tests.faults.flows import SIDE_BY_SIDE, Flow, Run, run
from tests.faults.prepared import Prepared
from tests.faults.stage import Stage, stage


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("soak")
    group.addoption("--seed", type=int, default=None, help="What the soak's chains are drawn from; else the clock.")
    group.addoption("--minutes", type=float, default=10.0, help="No new chain is begun after so many minutes.")


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, and a server's certificate for the loopback."""
    folder = tmp_path_factory.mktemp("faults") / "pki"
    certificates.create(folder, "127.0.0.1:0")
    return folder


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """Kept running for the next session."""
    made = with_crd(Profile.CONTROL)
    inspectors.play(made)
    return made


@pytest.fixture
def behind(cluster: Cluster, pki: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """A stage whose operator is not started yet; its parameter is settings over the usual ones."""
    with stage(cluster, pki, tmp_path, **getattr(request, "param", {})) as made:
        yield made
        tell(made)


@pytest.fixture(scope="session")
def prepared(
    cluster: Cluster, pki: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Prepared]:
    folder = tmp_path_factory.mktemp("prepared")
    needed = sum("serving" in getattr(item, "fixturenames", ()) for item in request.session.items)
    stages = Prepared(lambda: stage(cluster, pki, folder), needed)
    yield stages
    stages.close()


@pytest.fixture
def serving(prepared: Prepared) -> Iterator[Stage]:
    """A stage with a running operator and a fleet of two at rest."""
    with prepared.take() as made:
        yield made
        tell(made)


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Speaks to who started a soak, whether it holds or not."""

    def said(text: str) -> None:
        with capsys.disabled():
            print(f"\n{text}", flush=True)  # noqa: T201 because a soak is read by people

    return said


def tell(made: Stage) -> None:
    print(made.log()[-20_000:])  # noqa: T201 because pytest shows it where a test fails


@pytest.fixture(scope="session")
def undisturbed(
    cluster: Cluster, pki: Path, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Callable[[Flow], Run]]:
    """What a flow comes to when nothing goes wrong. Those that are asked for are run once a session, side by side."""
    folder = tmp_path_factory.mktemp("undisturbed")

    def once(flow: Flow) -> Run:
        with stage(cluster, pki, folder) as made:
            return run(made, flow)

    asked = (getattr(item, "callspec", None) for item in request.session.items if "undisturbed" in item.fixturenames)
    flows = {spec.params["flow"] for spec in asked if spec}
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        runs = {flow.name: pool.submit(once, flow) for flow in flows}
        yield lambda flow: runs[flow.name].result()
