"""Policies on slowed engines beside the simulator: what slows one, what a policy sees, the run, the ranking."""

import asyncio
import itertools
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from importlib.metadata import distributions
from pathlib import Path
from types import SimpleNamespace

import pytest
from aiohttp import web

from e2e.bench.fidelity import slowed
from e2e.bench.fidelity.fitted import Fitted, carried
from e2e.bench.fidelity.played import Engines, played
from e2e.bench.fidelity.ranking import (
    ENGINES,
    ORDERS,
    POLICIES,
    SECONDS,
    TRACES,
    Ranked,
    all_foretold,
    correlation,
    foretold,
    judged,
    requests,
    scene,
)
from e2e.bench.fidelity.stretched import Stretched, longer
from llmfleet.core.simulation.fleet import World
from llmfleet.core.simulation.outcome import Outcome, Promise
from llmfleet.core.simulation.profile import Profile
from llmfleet.core.simulation.request import Arrival, Request
from llmfleet.core.simulation.run import Page, Scene
from llmfleet.core.simulation.synthetic import Sizes
from llmfleet_runtime.contract import LoadReport, Totals

MODEL = Fitted(Profile(0.02, 0.0015, 0.0, 1500, 100_000, 8, 512), 0.01)
SLOWED = Fitted(Profile(0.16, 0.004, 0.0, 3000, 100_000, 8, 512), 0.08)
"""As a slowed engine is fitted."""


@pytest.mark.parametrize(
    ("tokens", "took", "waits"),
    [(1, 0.01, 0.141), (100, 0.01, 0.24), (8, 0.2, 0.0), (0, 0.01, None)],
)
def test_a_step_takes_its_time_and_some_for_each_token_however_fast_it_is(
    tokens: int, took: float, waits: float | None
) -> None:
    clock, waited = itertools.count(5.0, took), list[float]()
    step = slowed.slowed(lambda worker, scheduled: (worker, scheduled), lambda: next(clock), waited.append)
    scheduled = SimpleNamespace(total_num_scheduled_tokens=tokens)
    assert step("worker", scheduled) == ("worker", scheduled)
    assert waited == ([] if waits is None else [pytest.approx(waits)])


def test_vllm_finds_what_slows_it_on_pythons_path(tmp_path: Path) -> None:
    path = slowed.plugin(tmp_path / "plugin")
    (found,) = distributions(path=[str(path)])
    (entry,) = found.entry_points
    assert entry.group == "vllm.general_plugins"
    assert entry.load() is slowed.register


def test_what_slows_an_engine_needs_nothing_that_an_engines_environment_lacks() -> None:
    source = Path(slowed.__file__).read_text()
    imported = {
        line.split()[1].partition(".")[0] for line in source.splitlines() if line.startswith(("import", "from"))
    }
    assert imported <= sys.stdlib_module_names


def report(**members: object) -> LoadReport:
    return LoadReport(started=7.0, in_flight=3, running=2.0, waiting=1.0, **members)


def test_latencies_are_longer_and_counts_are_not() -> None:
    totals = Totals(sum=2.0, count=4.0, buckets=((0.5, 1.0), (1.0, 4.0)))
    found = longer(report(idle_seconds=1.5, time_to_first_token=totals), 10.0)
    assert found == report(
        idle_seconds=15.0, time_to_first_token=Totals(sum=20.0, count=4.0, buckets=((5.0, 1.0), (10.0, 4.0)))
    )
    assert longer(None, 10.0) is None


@dataclass
class Asked:
    """A scaler that keeps what it was shown."""

    wants: Sequence[int]
    every_seconds: float = 15.0
    seen: tuple = ()

    def size(self, pages: Sequence[Page], size: int, now: float) -> tuple[int, str]:
        self.seen = (*self.seen, (len(pages), size, now))
        return self.wants[min(len(self.seen), len(self.wants)) - 1], "wanted"


def test_a_stretched_scaler_lives_by_its_own_clock_and_gets_what_there_is() -> None:
    asked = Asked([9])
    found = Stretched(asked, 30.0, 4)
    assert found.every_seconds == 0.5
    assert found.size([Page("0", report())], 2, 3.0) == (4, "wanted")
    assert asked.seen == ((1, 2, 90.0),)


def test_an_engine_whose_replica_has_left_is_let_in_again_as_another() -> None:
    served: list[tuple[str, Request]] = []
    world = World(MODEL.profile, 1.0, 0.0, quota=2)
    fleet = Engines(world, 1, ["a", "b"], lambda engine, request: served.append((engine.url, request)))
    (pod,) = fleet.resize(2, 0.0)
    fleet.start(pod, 1.0)
    request = Request(Arrival(1.0, 10, 2))
    fleet.submit(request, 1.0)
    assert served == [("a", request)]
    fleet.resize(1, 2.0)
    assert [each.url for each in fleet.ready] == ["a"], "the least busy leaves"
    (again,) = fleet.resize(2, 3.0)
    fleet.start(again, 4.0)
    assert [(each.url, each.number) for each in fleet.ready] == [("a", 0), ("b", 2)]


@asynccontextmanager
async def engine(pace: float) -> AsyncIterator[tuple[str, list[int]]]:
    """Speaks as a vLLM does, a token each ``pace`` seconds, and notes how many tokens it was asked for."""
    asked, app = list[int](), web.Application()

    async def complete(request: web.Request) -> web.StreamResponse:
        tokens = (await request.json())["max_tokens"]
        asked.append(tokens)
        response = web.StreamResponse()
        await response.prepare(request)
        for number in range(tokens):
            await asyncio.sleep(pace)
            reason = "length" if number == tokens - 1 else None
            choice = {"text": "ba", "finish_reason": reason}
            await response.write(f"data: {json.dumps({'choices': [choice]})}\n\n".encode())
        await response.write(
            f"data: {json.dumps({'choices': [], 'usage': {'completion_tokens': tokens}})}\n\n".encode()
        )
        await response.write(b"data: [DONE]\n\n")
        return response

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(text="vllm:num_requests_running 1.0\nvllm:num_requests_waiting 0.0\n")

    app.add_routes([web.post("/v1/completions", complete), web.get("/metrics", metrics)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", asked
    await runner.cleanup()


async def test_a_policy_sizes_real_engines_and_what_requests_felt_is_counted() -> None:
    asked = Asked([1, 2, 2, 2, 2, 2, 2, 1], every_seconds=0.1)
    where = Scene(World(MODEL.profile, 0.1, 0.0, quota=2), Promise(30.0, 30.0), 1.0)
    arrivals = [Arrival(0.05 * number, 8, 4) for number in range(16)]
    async with engine(0.02) as (first, one), engine(0.02) as (second, other):
        found = await played(arrivals, where, asked, [first, second])
    assert (found.requests, found.refused, found.attained) == (16, 0, 1.0)
    assert len(one) + len(other) == 16
    assert other
    assert [(each.before, each.after) for each in found.changes] == [(1, 2), (2, 1)]
    assert 1.0 < 3600 * found.gpu_hours < 2.0
    assert {pages for pages, _, _ in asked.seen} == {1, 2}


async def test_a_promise_that_is_not_kept_is_not_attained() -> None:
    where = Scene(World(MODEL.profile, 0.1, 0.0, quota=1), Promise(0.01, 1.0), 0.3)
    async with engine(0.05) as (url, _):
        found = await played([Arrival(0.0, 8, 2)], where, Asked([1], every_seconds=0.1), [url])
    assert (found.attained, found.first_token_attained, found.output_token_attained) == (0.0, 0.0, 1.0)


async def test_a_request_that_fails_ends_the_run() -> None:
    where = Scene(World(MODEL.profile, 0.1, 0.0, quota=1), Promise(), 0.1)
    with pytest.raises(RuntimeError, match="no connection"):
        await played([Arrival(0.0, 8, 2)], where, Asked([1], every_seconds=0.2), ["http://127.0.0.1:9"])


def test_a_full_batch_carries_what_its_steps_and_prompts_leave() -> None:
    sizes = Sizes(((0, 100), (1, 100)), ((0, 10), (1, 10)))
    assert carried(MODEL, sizes, Dice()) == pytest.approx(1 / (100 / 1500 + 10 * 0.032 / 8))


class Dice:
    def random(self) -> float:
        return 0.5


def outcome(attained: float, gpu_hours: float = 1.0) -> Outcome:
    return Outcome(100, 0, attained, 1.0, 1.0, 0.1, attained, gpu_hours, (), 3, 0, ())


def ranking(*runs: tuple[Sequence[float], float], trace: str = "step") -> list[Ranked]:
    """Policies by what was foretold of them on several traces, and what they did."""
    return [
        Ranked(trace, str(number), tuple(map(outcome, said)), outcome(real)) for number, (said, real) in enumerate(runs)
    ]


LOW, MIDDLE, HIGH = [0.1] * 20, [0.2] * 20, [0.3] * 20
UNSURE = [0.1] * 18 + [0.3] * 2
"""More than MIDDLE in two of twenty."""
ATTAINED, GPU_TIME = ORDERS["what was attained"], ORDERS["GPU time"]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (ranking((LOW, 0.3), (MIDDLE, 0.4), (HIGH, 0.9)), (1.0, 3)),
        (ranking((LOW, 0.9), (MIDDLE, 0.4), (HIGH, 0.3)), (-1.0, 3)),
        (ranking((LOW, 0.3), (MIDDLE, 0.9), (HIGH, 0.4)), (1 / 3, 3)),
        (ranking((UNSURE, 0.9), (MIDDLE, 0.3)), (0.0, 0)),
        (ranking(([*LOW[:19], 0.9], 0.3), (MIDDLE, 0.4)), (1.0, 1)),
        (ranking((LOW, 0.3), (MIDDLE, 0.3)), (0.0, 1)),
        (ranking((LOW, 0.3), (MIDDLE, 0.4)) + ranking((HIGH, 0.1), trace="ramp"), (1.0, 1)),
    ],
)
def test_the_rank_correlation_is_over_pairs_whose_order_the_simulator_foretells(
    found: list[Ranked], expected: tuple[float, int]
) -> None:
    assert correlation(found, ATTAINED) == pytest.approx(expected)


def test_each_order_is_judged_by_itself() -> None:
    cheap, dear = (outcome(0.9, 1.0),) * 20, (outcome(0.5, 2.0),) * 20
    found = [Ranked("step", "cheap", cheap, outcome(0.9, 3.0)), Ranked("step", "dear", dear, outcome(0.5, 2.0))]
    assert [row.met for row in judged(found)[2:]] == [True, False]
    assert correlation(found, GPU_TIME) == (-1.0, 1)


def test_the_traces_of_a_kind_differ_and_each_is_the_same_for_every_policy() -> None:
    step = TRACES["step"]
    assert requests(MODEL, step) == requests(MODEL, step, 0) != requests(MODEL, step, 1)


@pytest.mark.parametrize("name", TRACES)
def test_on_each_trace_the_simulator_foretells_the_order_of_most_policies(name: str) -> None:
    arrivals = requests(SLOWED, TRACES[name])
    assert 40 < len(arrivals) < 600
    assert all(each.time < SECONDS for each in arrivals)
    foretold = {policy: all_foretold(SLOWED, TRACES[name], make) for policy, make in POLICIES.items()}
    found = [Ranked(name, policy, said, said[0]) for policy, said in foretold.items()]
    assert correlation(found, ATTAINED)[1] >= 3
    assert correlation(found, GPU_TIME)[1] >= 5
    assert all(1 <= run.largest <= ENGINES for each in found for run in each.foretold)


def test_what_the_server_adds_is_taken_from_the_promise_of_the_simulation() -> None:
    arrivals = requests(MODEL, TRACES["flash"])
    make = POLICIES["HPA, 2 in flight"]
    slower = replace(MODEL, served_seconds=0.01)
    assert scene(slower).promise.time_to_first_token == pytest.approx(5 * (0.01 + 0.02 + 96 / 1500))
    assert foretold(slower, arrivals, make).requests == len(arrivals)
