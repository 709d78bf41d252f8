"""Every policy on every case: what is run, side by side on the machine's cores."""

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import NamedTuple

from llmfleet.core.scaling.decide import Policy
from llmfleet.core.scaling.objective import Objective, Objectives
from llmfleet.core.simulation.decider import Decider
from llmfleet.core.simulation.outcome import Outcome, Promise
from llmfleet.core.simulation.request import Arrival
from llmfleet.core.simulation.run import Scaler, Scene, simulate

from . import kept_apart as kept
from .cases import Case, cases
from .families import FAMILIES
from .rivals import MOST

OURS = "llmfleet"
SHARE = 0.95
"""The percentile that our policy is given in all cases."""
TICK_SECONDS = 5.0
WITHOUT = " without its fault"


class Job(NamedTuple):
    """What is to be played."""

    policy: str
    case: str
    seed: int
    with_fault: bool = True


@dataclass(frozen=True)
class Played:
    """One policy on one case."""

    policy: str
    case: str
    seed: int
    outcome: Outcome
    recovery: float | None
    speed: float
    """Simulated seconds per second of one core."""
    decision_seconds: float
    """Mean time of one decision, pages parsed."""

    @property
    def job(self) -> Job:
        """What it was the playing of."""
        return Job(self.policy, self.case.removesuffix(WITHOUT), self.seed, not self.case.endswith(WITHOUT))


@dataclass
class Timed:
    """A scaler that is timed."""

    scaler: Scaler
    spent: float = 0.0
    count: int = 0

    @property
    def every_seconds(self) -> float:
        """See ``run.Scaler``."""
        return self.scaler.every_seconds

    def size(self, *seen: object) -> tuple[int, str]:
        """See ``run.Scaler``."""
        began = time.process_time()
        found = self.scaler.size(*seen)  # type: ignore[arg-type] # because it is handed on as it came
        self.spent += time.process_time() - began
        self.count += 1
        return found


def ours(promise: Promise) -> Decider:
    """Our decider with the case's promise and nothing else of it."""
    first, output = promise.time_to_first_token, promise.time_per_output_token
    objectives = Objectives(Objective(SHARE, first), Objective(SHARE, output))
    return Decider(Policy(1, MOST, objectives=objectives), TICK_SECONDS)


def scaler(policy: str, scene: Scene) -> Scaler:
    """By its name."""
    if policy == OURS:
        return ours(scene.promise)
    family, _, target = policy.rpartition(" ")
    return FAMILIES[family].make(float(target), scene)


def chosen(names: Sequence[str]) -> tuple[Case, ...]:
    """Cases by name; all but those kept apart when none is named. Raises KeyError."""
    known = {each.name: each for each in (*cases(), *kept.kept_apart())}
    return tuple(known[name] for name in names) if names else cases()


def frozen() -> str:
    """What names the cases that are kept apart as they are; ``kept_apart.sha256`` holds it from before any tuning."""
    return hashlib.sha256(Path(kept.__file__).read_bytes()).hexdigest()


@lru_cache(maxsize=1)
def _arrivals(name: str, seed: int) -> tuple[Arrival, ...]:
    """One case's trace: it takes a fifth of the time, and policies that follow each other have it in common."""
    (case,) = chosen([name])
    return tuple(case.trace(Random(seed)))  # noqa: S311 because nothing is kept secret by it


def play(policy: str, name: str, seed: int, with_fault: bool) -> Played:  # noqa: FBT001 because workers are called by position
    """One policy on one case, in this process."""
    (case,) = chosen([name])
    scene = case.scene if with_fault else replace(case.scene, fault=None)
    timed, arrivals = Timed(scaler(policy, scene)), _arrivals(name, seed)
    began = time.process_time()
    outcome = simulate(arrivals, scene, timed, Random(seed + 1))  # noqa: S311 because nothing is secret
    took = max(1e-9, time.process_time() - began)
    recovery = outcome.recovery(case.disturbed) if case.disturbed is not None else None
    label = name if with_fault else name + WITHOUT
    return Played(policy, label, seed, outcome, recovery, scene.seconds / took, timed.spent / max(1, timed.count))


def jobs(names: Sequence[str], of: Sequence[str], seeds: Sequence[int]) -> list[Job]:
    """All runs; a mended form is played where its rule differs from the one that it mends."""
    found = chosen(names)
    rows = [
        Job(policy, case.name, seed)
        for case in found for seed in seeds for policy in of if case.scene.fault or _mended(policy) not in of
    ]  # fmt: skip
    return rows + [Job(OURS, case.name, seed, with_fault=False) for case in found if case.scene.fault for seed in seeds]


def play_all(
    names: Sequence[str], of: Sequence[str], seeds: Sequence[int], workers: int, known: Mapping[Job, Played] = {}
) -> Iterator[Played]:
    """All of them in order, as they end; what is ``known`` is not played again."""
    alike = {_mended(policy): policy for policy in of if _mended(policy) in of}
    faulty = {case.name for case in chosen(names) if case.scene.fault}
    pool = ProcessPoolExecutor(workers)
    try:
        wanted = jobs(names, of, seeds)
        futures = {job: pool.submit(play, *job) for job in wanted if job not in known}
        for job in wanted:
            played = known[job] if job in known else futures.pop(job).result()
            yield played
            if played.policy in alike and played.case not in faulty:
                yield replace(played, policy=alike[played.policy])
    finally:
        pool.shutdown(cancel_futures=True)


def _mended(policy: str) -> str:
    """The policy that this one differs from in silence only; empty for all others."""
    family, _, target = policy.rpartition(" ")
    mends = FAMILIES[family].mends if family else ""
    return f"{mends} {target}" if mends else ""
