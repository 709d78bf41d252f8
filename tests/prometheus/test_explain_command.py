"""``llmfleet explain --prometheus`` after the operator has lost its memory, over what a real Prometheus kept."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import Result

from e2e import prometheus
from e2e.prometheus import Server, promtool
from llmfleet.core.explain.account import Account, Promise
from llmfleet.core.explain.retraced import COUNTED, NO_NUMBERS, READY
from llmfleet.core.explain.ring import clock
from llmfleet.core.scaling.recorded import SIZE
from llmfleet_runtime.contract import Totals
from tests.prometheus.conftest import REVISION, configured, free_port
from tests.prometheus.test_replay_command import histogram
from tests.unit.operator.test_explain_command import ran
from tests.unit.operator.test_story import account

pytestmark = pytest.mark.prometheus
EVERY, SECONDS, GROWN = 15, 1800, 900
FLEET = 'namespace="team-a",name="qwen"'


class Stage(NamedTuple):
    server: Server
    began: float


def page(pod: str, seconds: float) -> list[str]:
    """A pod that answers two requests a second, each after 1.5 s, and has 3 and 1 of them at any time."""
    labels, done = f'namespace="team-a",pod="qwen-{REVISION}-{pod}",engine="0"', 2 * seconds
    first = Totals(sum=1.5 * done, count=done, buckets=((1.0, 0.0), (2.0, done)))
    token = Totals(sum=done, count=10 * done, buckets=((1.0, 10 * done),))
    plain = {"num_requests_running": 3, "num_requests_waiting": 1, "prompt_tokens_total": 100 * done}
    return [
        *(f"vllm:{name}{{{labels}}} {value}" for name, value in plain.items()),
        *histogram("vllm:time_to_first_token_seconds", labels, first),
        *histogram("vllm:inter_token_latency_seconds", labels, token),
    ]


def printed(seconds: float) -> list[str]:
    """Everything that is read at one time: one pod, and from the middle on three."""
    grown = seconds >= GROWN
    lines = [line for pod in ("abc" if grown else "a") for line in page(pod, seconds)]
    counted = [f'{COUNTED}{{{FLEET},reason="QueueDepth"}} 1'] if grown else []
    sizes = f"{SIZE}{{{FLEET}}} {3 if grown else 1}", f"{READY}{{{FLEET}}} {2 if grown else 1}"
    other = f'{SIZE}{{namespace="team-a",name="qwen-2"}} 9'
    return [*lines, *counted, *sizes, other]


@pytest.fixture(scope="module")
def stage(programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Half an hour that ends now."""
    folder, began = tmp_path_factory.mktemp("explain"), time.time() - SECONDS - 5
    kept = [f"{line} {began + at:.3f}" for at in range(0, SECONDS + 1, EVERY) for line in printed(at)]
    (folder / "kept.om").write_text("\n".join([*kept, "# EOF", ""]))
    promtool(programs, "tsdb", "create-blocks-from", "openmetrics", str(folder / "kept.om"), str(folder / "data"))
    with prometheus.serving(programs, configured(folder), free_port()) as server:
        yield Stage(server, began)


Run = Callable[..., Result]


@pytest.fixture
def run(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command; the operator that it asks has just begun."""

    def explained(*words: str, url: str = stage.server.url) -> Result:
        forgetful = account(
            now=clock(time.time()),
            decisions=(),
            first_token=Promise(percentile=95, seconds=2.0),
            sources=("the status",),
        )
        found, _ = ran(monkeypatch, forgetful, "-n", "team-a", "--prometheus", url, *words)
        return found

    return explained


def told(found: Result) -> Account:
    assert found.exit_code == 0, found.output
    return Account.model_validate_json(found.stdout)


def test_the_points_of_the_time_before_are_there(stage: Stage, run: Run) -> None:
    points = told(run("-o", "json")).points
    early, late = points[len(points) // 4], points[-1]
    assert clock(stage.began)[:16] <= points[0].time[:16]
    assert len(points) == pytest.approx(SECONDS / EVERY, abs=3)
    assert (early.wanted, early.ready, early.in_flight, early.waiting) == (1, 1, 4.0, 1.0)
    assert (late.wanted, late.ready, late.in_flight, late.waiting) == (3, 2, 12.0, 3.0)
    assert (early.arrivals, late.arrivals) == (pytest.approx(2.0, rel=0.1), pytest.approx(6.0, rel=0.1))
    assert early.first_token_seconds == pytest.approx(1.95, abs=0.02)


def test_the_change_is_there_with_its_rule(stage: Stage, run: Run) -> None:
    found = told(run("-o", "json"))
    (change,) = found.decisions
    assert (change.time, change.from_, change.to) == (clock(stage.began + GROWN), 1, 3)
    assert (change.reason, change.message) == ("QueueDepth", NO_NUMBERS)


def test_no_more_is_told_than_was_asked_for(run: Run) -> None:
    found = told(run("-o", "json", "--since", "5m"))
    assert len(found.points) == pytest.approx(300 / EVERY, abs=2)
    assert found.decisions == ()


def test_the_story_says_where_it_comes_from(stage: Stage, run: Run) -> None:
    found = run()
    assert "1 → 3  QueueDepth" in found.output
    assert f"From the status and what the Prometheus at {stage.server.url} kept from " in found.output


def test_a_post_mortem_has_its_picture(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "qwen.png"
    assert run("--png", str(path)).exit_code == 0
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_a_server_of_other_labels_says_what_it_lacks(run: Run) -> None:
    found = told(run("-o", "json", "--pod-label", "nope"))
    assert found.sources[-1].endswith(", of the operator only, so that no load is known")
    assert {each.in_flight for each in found.points} == {None}


def test_a_fleet_that_it_does_not_know_is_said(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    other = account(now=clock(time.time()), namespace="team-b")
    found, _ = ran(monkeypatch, other, "-o", "json", "--prometheus", stage.server.url)
    assert "which knows neither pods nor sizes" in json.loads(found.stdout)["sources"][-1]


def test_a_server_that_does_not_answer_costs_only_its_part(run: Run) -> None:
    found = told(run("-o", "json", url="http://127.0.0.1:1"))
    assert (found.points, found.sources[0]) == ((), "the status")
    assert found.sources[1].startswith("nothing of the Prometheus at http://127.0.0.1:1, as it could not be asked (")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        pytest.param(["--prometheus", "here"], "--url", id="no address"),
        pytest.param(["--username", "me"], "username and passwordFile come together", id="half a sign-in"),
    ],
)
def test_options_that_cannot_be_followed_are_refused(run: Run, words: list[str], says: str) -> None:
    found = run(*words)
    assert (found.exit_code, says in found.output) == (1, True)
