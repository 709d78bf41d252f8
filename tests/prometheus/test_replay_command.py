"""What a real Prometheus kept of a simulated fleet: ``llmfleet replay`` and ``llmfleet simulate`` over it."""

import json
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from click.testing import CliRunner, Result

from e2e import prometheus
from e2e.prometheus import Server, promtool
from llmfleet.__main__ import main
from llmfleet.commands.policies import candidate
from llmfleet.core.simulation import synthetic
from llmfleet.core.simulation.decider import Decider
from llmfleet.core.simulation.fleet import World
from llmfleet.core.simulation.outcome import Promise
from llmfleet.core.simulation.profile import PROFILES
from llmfleet.core.simulation.run import Page, Scene, simulate
from llmfleet_runtime.contract import LoadReport, Totals
from tests.prometheus.conftest import REVISION, configured, free_port

pytestmark = pytest.mark.prometheus
EVERY = 15.0
SECONDS = 2400.0
TARGETS = {"timeToFirstToken": {"milliseconds": 2000}, "timePerOutputToken": {"milliseconds": 100}}


class Kept(Decider):
    """The operator's decider; what it saw is kept as OpenMetrics."""

    def __init__(self, path: Path, start: float) -> None:
        policy = candidate(path, start).timetable.policy
        super().__init__(lambda now: policy(start + now), EVERY)
        self._start, self.lines, self.changes = start, list[str](), list[tuple[int, int]]()

    def size(self, pages: Sequence[Page], size: int, now: float) -> tuple[int, str]:
        found = super().size(pages, size, now)
        at = f"{self._start + now:.3f}"
        self.lines.append(f'llmfleet_desired_replicas{{namespace="team-a",name="qwen"}} {size} {at}')
        self.lines += [f"{line} {at}" for page in pages if page.text for line in printed(page)]
        self.changes += [(size, found[0])] if found[0] != size else []
        return found


def printed(page: Page) -> list[str]:
    """A ``/load`` page under the names that vLLM gives."""
    load = LoadReport.model_validate_json(page.text or "")
    labels = f'namespace="team-a",pod="qwen-{REVISION}-{page.pod}",engine="0"'
    plain = {
        "num_requests_running": load.running,
        "num_requests_waiting": load.waiting,
        "kv_cache_usage_perc": load.kv_cache_usage,
        "prompt_tokens_total": load.prompt_tokens,
        "generation_tokens_total": load.generation_tokens,
    }
    lines = [f"vllm:{name}{{{labels}}} {value}" for name, value in plain.items()]
    for name, totals in (
        ("time_to_first_token", load.time_to_first_token),
        ("inter_token_latency", load.time_per_output_token),
        ("request_time_per_output_token", load.request_time_per_output_token),
    ):
        lines += histogram(f"vllm:{name}_seconds", labels, totals)
    return lines


def histogram(name: str, labels: str, totals: Totals | None) -> list[str]:
    assert totals
    buckets = [*((str(bound), upto) for bound, upto in totals.buckets or ()), ("+Inf", totals.count)]
    lines = [f'{name}_bucket{{{labels},le="{bound}"}} {upto}' for bound, upto in buckets]
    return [*lines, f"{name}_sum{{{labels}}} {totals.sum}", f"{name}_count{{{labels}}} {totals.count}"]


class Stage(NamedTuple):
    server: Server
    folder: Path
    changes: list[tuple[int, int]]
    requests: int
    """That came in the last half hour."""


def policy(path: Path, most: int) -> Path:
    spec = {"model": {"uri": "hf://a/b"}, "autoscaling": {"minReplicas": 1, "maxReplicas": most, "targets": TARGETS}}
    kind = {"apiVersion": "llmfleet.io/v1alpha1", "kind": "LLMDeployment", "metadata": {"name": "qwen"}}
    path.write_text(yaml.safe_dump(kind | {"spec": spec}))
    return path


@pytest.fixture(scope="module")
def stage(programs: Path, tmp_path_factory: pytest.TempPathFactory) -> object:
    """Forty minutes of a step of load, which end now."""
    folder = tmp_path_factory.mktemp("replay")
    kept = Kept(policy(folder / "own.yaml", 8), time.time() - SECONDS - 5)
    policy(folder / "small.yaml", 2)
    chance = random.Random(1)
    rate, seconds, variation = synthetic.NAMED["step"]
    arrivals = tuple(synthetic.arrivals(rate(6.0), seconds, synthetic.CHAT, chance, variation))
    scene = Scene(World(PROFILES["8b-a100"], startup_seconds=90.0), Promise(2.0, 0.1), SECONDS)
    simulate(arrivals, scene, kept, chance)
    (folder / "kept.om").write_text("\n".join([*kept.lines, "# EOF", ""]))
    promtool(programs, "tsdb", "create-blocks-from", "openmetrics", str(folder / "kept.om"), str(folder / "data"))
    with prometheus.serving(programs, configured(folder), free_port()) as server:
        yield Stage(server, folder, kept.changes, sum(each.time > SECONDS - 1800 for each in arrivals))


Run = Callable[..., Result]


@pytest.fixture
def run(stage: Stage) -> Run:
    def invoke(*words: str, since: str = "29m") -> Result:
        told = ["replay", "qwen", "-n", "team-a", "--since", since, "--prometheus", stage.server.url, *words]
        return CliRunner().invoke(main, told)

    return invoke


def told(result: Result) -> dict:
    assert result.exit_code == 0, result.output
    (found,) = json.loads(result.stdout)["policies"]
    return dict(found)


def test_the_policy_that_sized_the_fleet_decides_as_it_did(stage: Stage, run: Run) -> None:
    assert len(stage.changes) > 3
    found = told(run("--policy", str(stage.folder / "own.yaml"), "-o", "json"))
    assert found["looks"] in range(113, 118)
    assert found["agreement"] > 0.97
    assert found["differences"] == []
    stood, called = found["replicaHours"].values()
    assert called == pytest.approx(stood, rel=0.05)


def test_another_policy_is_told_with_time_sizes_and_reason(stage: Stage, run: Run) -> None:
    found = told(run("--policy", str(stage.folder / "small.yaml"), "-o", "json"))
    assert found["agreement"] < 0.9
    assert found["differences"]
    first = found["differences"][0]
    assert (first["wanted"], first["why"]) == (2, "MaxReplicas")
    assert first["size"] > 2
    assert first["end"] - first["start"] >= 60


def test_policies_are_compared_in_words(stage: Stage, run: Run) -> None:
    files = [str(stage.folder / name) for name in ("own.yaml", "small.yaml")]
    found = run("--policy", files[0], "--policy", files[1])
    assert found.exit_code == 0, found.output
    own, small = found.output.split("\n\n")
    assert own.startswith("own.yaml: ")
    assert "replica-hours stood" in own
    assert "2 wanted  MaxReplicas: " in small


@pytest.mark.parametrize(
    ("words", "says"),
    [
        pytest.param(["-n", "team-b"], "the server knows no pod of team-b/qwen", id="another namespace"),
        pytest.param(["--pod-label", "nope"], "--namespace-label and --pod-label", id="another label"),
        pytest.param(["--prometheus", "http://127.0.0.1:1"], "cannot be reached", id="no server"),
        pytest.param(["--prometheus", "here"], "--url", id="no address"),
        pytest.param(["--username", "me"], "username and passwordFile come together", id="half a sign-in"),
    ],
)
def test_what_cannot_be_replayed_says_why(stage: Stage, run: Run, words: list[str], says: str) -> None:
    found = run("--policy", str(stage.folder / "own.yaml"), *words)
    assert found.exit_code == 1
    assert says in found.output


def simulated(stage: Stage, *words: str) -> Result:
    told = ["simulate", "--prometheus", stage.server.url, "-n", "team-a", "--since", "30m", "--startup-seconds", "90"]
    return CliRunner().invoke(main, [*told, "--policy", str(stage.folder / "own.yaml"), *words])


def test_what_was_kept_is_a_trace_for_the_simulator(stage: Stage) -> None:
    found = simulated(stage, "--name", "qwen", "-o", "json")
    assert found.exit_code == 0, found.output
    (own,) = json.loads(found.stdout)["policies"]
    assert own["requests"] == pytest.approx(stage.requests, rel=0.1)
    assert own["largest"] > 2


def test_a_trace_from_a_server_needs_the_name_of_a_fleet(stage: Stage) -> None:
    found = simulated(stage)
    assert (found.exit_code, "--prometheus needs --name" in found.output) == (1, True)


@pytest.mark.parametrize("since", ["0h", "1y", "24", "-1h", "32d", "soon"])
def test_a_time_has_a_number_and_a_unit(run: Run, since: str) -> None:
    found = run(since=since)
    assert found.exit_code == 2
    assert "is no length of time up to 31d, such as 90s, 30m, 24h or 2d" in found.output
