"""Rules and every panel's query, run by a real Prometheus over what operator and engine really print."""

import asyncio
import json
import math
import re
import time
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.exposition import generate_latest

from e2e import prometheus
from e2e.prometheus import Server
from llmfleet.core.pods import PodView
from llmfleet.core.scaling.sample import Latencies, Sample
from llmfleet.monitoring.dashboard import PANELS
from llmfleet.monitoring.recordings import RECORDINGS
from llmfleet.settings import Settings
from llmfleet_runtime.engines.vllm import VLLM
from tests.builders import deployment, with_spec
from tests.fakes import FakeOperator
from tests.prometheus.conftest import REVISION, Pods, configured, free_port, printed
from tests.simulator import Simulator

pytestmark = pytest.mark.prometheus
RULES = Path(__file__).parents[2] / "charts" / "llmfleet" / "files" / "monitoring" / "rules.yaml"
RECORDED = (Path(__file__).parents[1] / "contract" / "v1" / "metrics-vllm-0.32.txt").read_text()
COUNTER = re.compile(r"^(vllm:\S*_(?:total|sum|count|bucket)\{.*\}) (\S+)$", re.MULTILINE)
POD, ELDER = f"qwen-{REVISION}-a", f"elder-{REVISION}-a"
TARGETS = {"timeToFirstToken": {"milliseconds": 2000}, "timePerOutputToken": {"milliseconds": 100}}
PATIENCE_SECONDS = 60.0


def grown(times: int) -> str:
    """The recorded page of a real engine, as if it had done so many times as much."""
    return COUNTER.sub(lambda found: f"{found[1]} {times * float(found[2])}", RECORDED)


def renamed(page: str) -> str:
    """The same page by an engine that calls each measure what the oldest known version called it."""
    for names in vars(VLLM.measures).values():
        page = page.replace(f"\n{names[0]}{{", f"\n{names[-1]}{{") if names else page
    return page


OF_ENGINES = [f'{each.record}{{name="elder"}}' for each in RECORDINGS if "vllm:" in each.expr]


def busy(pod: str, now: float) -> Sample:
    """A pod with two slow requests a second and ever more waiting."""
    done = 2 * now
    first = Latencies(4 * done, done, (2.0, 5.0), (done / 2, done))
    token = Latencies(20 * done, 200 * done)
    whole = Latencies(0.1 * done, done, (0.05, 0.1), (0.0, done / 2))
    return Sample(50.0, 10 + now, pod, 1.0, 0.0, 0.5, 1000 * done, first, token, whole)


async def operator() -> FakeOperator:
    """The production loops over a simulated fleet whose load grows."""
    settings = Settings(gpu_hour_prices={"*": 3.6})
    made = FakeOperator(Simulator(deployment(with_spec(autoscaling={"maxReplicas": 4, "targets": TARGETS}))), settings)
    await made.settle(12)

    async def samples(pods: Sequence[PodView]) -> tuple[Sample, ...]:
        return tuple(busy(pod.uid, made.clock.now) for pod in pods)

    made.pods.samples = samples  # type: ignore[method-assign] # because it is a fake
    return made


async def live(pods: Pods, made: FakeOperator, times: int) -> None:
    """A moment in the life of both."""
    for _ in range(5):
        made.clock.now += 2
        await made.tick()
        await made.reconcile()
        made.world.step()
    pods.pages |= {"operator": generate_latest(made.metrics.registry).decode()}
    pods.pages |= {POD: grown(times), ELDER: renamed(grown(times))}


def asked(server: Server, expr: str) -> list[float]:
    """The values that an expression has now."""
    for variable, value in (("$namespace", ".*"), ("$name", ".*"), ("$__rate_interval", "1m")):
        expr = expr.replace(variable, value)
    query = urllib.parse.urlencode({"query": expr})
    with urllib.request.urlopen(f"{server.url}/api/v1/query?{query}", timeout=5) as response:
        return [float(each["value"][1]) for each in json.load(response)["data"]["result"]]


def got(server: Server, path: str) -> Any:
    with urllib.request.urlopen(f"{server.url}{path}", timeout=5) as response:
        return json.load(response)["data"]


@pytest.fixture(scope="module")
def answers(programs: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[float]]:
    """The values of every query and recording, once all of them have some or patience ends; and the state of rules."""
    wanted = [query.expr for panel in PANELS for query in panel.queries] + [each.record for each in RECORDINGS]
    wanted += OF_ENGINES

    async def observed(pods: Pods, server: Server) -> dict[str, list[float]]:
        made, found, deadline, times = (
            await operator(),
            dict[str, list[float]](),
            time.monotonic() + PATIENCE_SECONDS,
            0,
        )
        while len(found) < len(set(wanted)) and time.monotonic() < deadline:
            times += 1
            await live(pods, made, times)
            await asyncio.sleep(0.5)
            found |= {expr: values for expr in wanted if expr not in found and (values := asked(server, expr))}
        groups = got(server, "/api/v1/rules")["groups"]
        broken = [each["lastError"] for group in groups for each in group["rules"] if each["health"] != "ok"]
        assert (len(groups), broken) == (2, [])
        return found

    with printed() as pods:
        pods.pages = {POD: "", ELDER: "", "operator": ""}
        config = configured(tmp_path_factory.mktemp("rules"), *scraped(pods), rules=(RULES,))
        with prometheus.serving(programs, config, free_port()) as server, asyncio.Runner() as runner:
            return runner.run(observed(pods, server))


def scraped(pods: Pods) -> tuple[dict[str, Any], dict[str, Any]]:
    """As the chart's PodMonitor and ServiceMonitor have it: fleets' labels of the operator's series are kept."""
    fleets = pods.scraped()
    fleets["static_configs"] = [each for each in fleets["static_configs"] if each["labels"]["pod"] in (POD, ELDER)]
    own = {"targets": [f"127.0.0.1:{pods.port}"], "labels": {"namespace": "llmfleet-system"}}
    return fleets, {
        "job_name": "operator",
        "honor_labels": True,
        "metrics_path": "/operator",
        "static_configs": [own],
    }


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.title)
def test_each_line_of_a_panel_shows_numbers(answers: dict[str, list[float]], panel) -> None:
    for query in panel.queries:
        assert answers.get(query.expr), query.expr
        assert all(math.isfinite(value) for value in answers[query.expr])


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda recording: recording.record)
def test_each_recording_has_numbers(answers: dict[str, list[float]], recording) -> None:
    assert answers.get(recording.record)
    assert all(math.isfinite(value) and value >= 0 for value in answers[recording.record])


def test_the_elders_page_has_other_names() -> None:
    assert "vllm:gpu_cache_usage_perc{" in renamed(RECORDED)
    assert "vllm:kv_cache_usage_perc{" not in renamed(RECORDED)


@pytest.mark.parametrize("recorded", OF_ENGINES)
def test_each_recording_of_engines_has_numbers_of_an_older_one(answers: dict[str, list[float]], recorded: str) -> None:
    assert answers.get(recorded)


def test_what_was_kept_of_the_promises_is_what_the_pods_showed(answers: dict[str, list[float]]) -> None:
    assert answers["llmfleet:objective_attainment:ratio5m"] == pytest.approx([0.5, 0.5], abs=0.02)


def test_gpus_cost_what_the_settings_say(answers: dict[str, list[float]]) -> None:
    (cost,) = answers["llmfleet:gpu_cost:rate1h"]
    assert 0 < cost < 4 * 3.6 * 1.5
