"""Whether the simulator ranks policies as real engines do: a step, a ramp and a flash, time-scaled.

Each policy sizes a fleet of real vLLM engines for 24 s, by what their metrics pages say, parsed as the shipped scraper
parses them; then it sizes the simulated fleet over the same requests. Fleet, routing, rules and score are the same
code; the engines, the network and the clock are not.

Two cores, four engines. An engine that computes would take a core, and a second one would slow the first, which a GPU
each does not do. So the engines' steps are longer (``slowed``): a busy one uses a small part of a core. They run all
the time, and a replica is let in when its start-up would be over: four seconds stand for two minutes, and all that the
rules say in seconds is shorter by as much (``stretched``). The replica's model is fitted to one slowed engine in three
runs, as for the errors, and nothing is fitted to what is ranked.

The policies differ in how early they act: from two requests for each replica to twice what it runs at once. They see
requests, not latencies: our sizing by objectives learns an engine for minutes that a run of this length does not have,
and is not among them. Two things order them: the share of the requests that felt what was promised, and the GPU time
that it took. Their quotient does not, as who pays more attains more. The simulator foretells an order of two policies
where 19 of 20 traces of a kind show it; two that change places with the arrivals are alike. Kendall's rank correlation
is over the pairs whose order is foretold.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import combinations, product
from pathlib import Path
from random import Random

from e2e.bench.autoscaling.rivals import HPA, AIBrix
from e2e.bench.row import Row
from e2e.cluster.progress import Report
from llmfleet.core.scaling.decide import Policy
from llmfleet.core.simulation import synthetic
from llmfleet.core.simulation.decider import Decider
from llmfleet.core.simulation.fleet import World
from llmfleet.core.simulation.outcome import Outcome, Promise
from llmfleet.core.simulation.request import Arrival
from llmfleet.core.simulation.run import Scaler, Scene, simulate
from llmfleet.core.simulation.synthetic import Rate, Sizes

from .calibration import Calibration, calibrated
from .engine import Kind, one_by_one, serving
from .fitted import Fitted, carried
from .played import played
from .stretched import Stretched

ALIKE = 0.8
SEEDS, SURE = 20, 0.95
"""Traces of a kind that the simulator plays, and the share of them that must show an order."""
ENGINES = 4
SLOW = Kind(sequences=8, is_slowed=True)
SECONDS, START_SECONDS = 24.0, 4.0
TIMES = 120.0 / START_SECONDS
RUNS = Calibration(paced=(32, 24), clients=(1, 2, 4, SLOW.sequences), prompts=(16, 48, 96, 160))
SIZES, MEAN_PROMPT = Sizes(((0, 32), (1, 160)), ((0, 4), (1, 12))), 96
PATIENCE = (5.0, 2.0)
"""Promised over what a lone request feels until its first token, and over the step of a full batch."""
Make = Callable[[], Scaler]
POLICIES: Mapping[str, Make] = {
    "HPA, 2 in flight": lambda: HPA(2),
    "AIBrix, 4 in flight": lambda: AIBrix(4),
    "llmfleet, 4 waiting": lambda: Decider(Policy(1, ENGINES, queue_depth=4, max_concurrency=SLOW.sequences), 7.5),
    "HPA, 16 in flight": lambda: HPA(16),
}
TRACES: Mapping[str, Rate] = {
    "step": synthetic.step(0.5, 2.0, 6, 15),
    "ramp": synthetic.ramp(0.4, 2.4, 5, 15),
    "flash": synthetic.step(0.5, 3.0, 8, 11),
}
"""Shares of what one replica carries, over time."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """One policy on one trace."""

    trace: str
    policy: str
    foretold: tuple[Outcome, ...]
    """On other traces of the kind, too; the first is on the one that was played for real."""
    real: Outcome


Judged = Callable[[Outcome], float]
ORDERS: Mapping[str, Judged] = {
    "what was attained": lambda outcome: outcome.attained,
    "GPU time": lambda outcome: outcome.gpu_hours,
}
"""What policies are ordered by."""


@contextmanager
def engines(python: Path, report: Report) -> Iterator[list[str]]:
    """Addresses of slowed engines that are ready."""
    with ExitStack() as stack:
        with report.step(f"{ENGINES} slowed engines start"), ThreadPoolExecutor(ENGINES) as pool:
            urls = list(pool.map(lambda _: stack.enter_context(serving(python, SLOW)), range(ENGINES)))
        yield urls


async def ranked(urls: Sequence[str], report: Report) -> tuple[Row, ...]:
    """Fit, play every policy over every trace on both, and compare."""
    for url in urls[1:]:  # what an engine makes once, a slowed one makes slowly
        await one_by_one(url, [RUNS.paced] * SLOW.sequences, SLOW.sequences)
    model, found = await calibrated(urls[0], RUNS, report), list[Ranked]()
    for (trace, share), (policy, make) in product(TRACES.items(), POLICIES.items()):
        arrivals = requests(model, share)
        with report.step(f"{trace}, {policy}: {len(arrivals)} requests in {SECONDS:.0f} s"):
            real = await played(arrivals, scene(model), stretched(make), urls)
        found.append(Ranked(trace, policy, all_foretold(model, share, make), real))
    return judged(found)


def all_foretold(model: Fitted, share: Rate, make: Make) -> tuple[Outcome, ...]:
    """On every trace of a kind."""
    return tuple(foretold(model, requests(model, share, seed), make) for seed in range(SEEDS))


def requests(model: Fitted, share: Rate, seed: int = 0) -> list[Arrival]:
    """The same for every policy."""
    chance = Random(seed)  # noqa: S311 because nothing is kept secret by it
    most = carried(model, SIZES, Random(SEEDS))  # noqa: S311 because of the same
    return list(synthetic.arrivals(lambda time: share(time) * most, SECONDS, SIZES, chance))


def scene(model: Fitted) -> Scene:
    """One replica at first; start-ups that all take as long."""
    engine, (first, pace) = model.profile, PATIENCE
    lone = model.served_seconds + engine.step_seconds + MEAN_PROMPT / engine.prefill_rate
    full = engine.step_seconds + engine.sequence_seconds * engine.max_sequences
    world = World(engine, START_SECONDS, startup_variation=0.0, quota=ENGINES)
    return Scene(world, Promise(first * lone, pace * full), SECONDS)


def stretched(make: Make) -> Scaler:
    """The rule in its own time."""
    return Stretched(make(), TIMES, ENGINES)


def foretold(model: Fitted, arrivals: Sequence[Arrival], make: Make) -> Outcome:
    """What the simulator says of it; the server's part of a first token is no replica's, so the promise is less it."""
    asked = scene(model)
    within = asked.promise.time_to_first_token - model.served_seconds
    promise = replace(asked.promise, time_to_first_token=within)
    return simulate(arrivals, replace(asked, promise=promise), stretched(make), Random(0))  # noqa: S311 because nothing is secret


def order(one: Sequence[float], other: Sequence[float]) -> int:
    """1 where the first is surely more, -1 where it is less, 0 where neither is sure."""
    more = sum(each > beside for each, beside in zip(one, other, strict=True))
    less = sum(each < beside for each, beside in zip(one, other, strict=True))
    return (more >= SURE * len(one)) - (less >= SURE * len(one))


def correlation(found: Sequence[Ranked], by: Judged) -> tuple[float, int]:
    """Kendall's, over the pairs of one trace whose order the simulator foretells, and how many those are."""
    signs = []
    for one, other in combinations(found, 2):
        foretold = order([by(each) for each in one.foretold], [by(each) for each in other.foretold])
        if one.trace == other.trace and foretold:
            signs.append(foretold * order([by(one.real)], [by(other.real)]))
    return sum(signs) / max(1, len(signs)), len(signs)


def judged(found: Sequence[Ranked]) -> tuple[Row, ...]:
    """Each beside what was foretold of it, and whether the orders are the same."""
    rows = [
        Row(
            f"{each.trace}, {each.policy}: attained",
            100 * each.real.attained,
            f"% at {3600 * each.real.gpu_hours:.0f} GPU-s, foretold {100 * each.foretold[0].attained:.0f} % at "
            f"{3600 * each.foretold[0].gpu_hours:.0f}",
        )
        for each in found
    ]
    for name, by in ORDERS.items():
        alike, pairs = correlation(found, by)
        rows.append(Row.at_least(f"rank correlation of policies by {name}, {pairs} pairs", alike, "", ALIKE))
    return tuple(rows)
