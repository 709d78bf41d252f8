"""Random chains of edits and faults: drawn from a seed, run on a stage, made shorter while they still fail."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.builders import merged
from tests.faults import oracles
from tests.faults.flows import UNPLACED
from tests.faults.rules import WRITES, Call, Delay, Drop, Error, Fault, Hold, Refuse, Silence, on
from tests.faults.stage import KILLED, Stage

LONGEST = 8
LOST_THE_LEASE = 1
SETTLING_SECONDS = 90.0


@dataclass(frozen=True)
class Edit:
    """The user changes the spec."""

    spec: dict[str, Any]


@dataclass(frozen=True)
class Kill:
    """The operator is killed at its next write but ``skip``, if there is one before the next kill."""

    skip: int
    forwarded: bool


@dataclass(frozen=True)
class Disturb:
    """A fault stands from now on."""

    fault: Fault


@dataclass(frozen=True)
class Calm:
    """All faults fall."""


@dataclass(frozen=True)
class Wait:
    """Time passes."""

    seconds: float


@dataclass(frozen=True)
class Remove:
    """Somebody deletes a child by hand."""

    kind: str


Step = Edit | Kill | Disturb | Calm | Wait | Remove
Chain = tuple[Step, ...]

MENDED: dict[str, Any] = {"paused": None, "pod": None}
"""Takes back what keeps a fleet from becoming Ready."""
EDITS: tuple[dict[str, Any], ...] = (
    {"replicas": 1},
    {"replicas": 2},
    {"replicas": 3},
    {"engine": {"maxModelLen": 512}},
    {"engine": {"maxModelLen": 1024}},
    {"engine": None},
    {"lifecycle": {"drainTimeoutSeconds": 5}},
    {"lifecycle": {"drainTimeoutSeconds": 20}},
    {"service": {"port": 8080}},
    {"service": None},
    {"access": {"from": []}},
    {"access": None},
    {"disruption": {"maxUnavailable": 2}},
    {"disruption": None},
    {"rollout": {"type": "InPlace"}},
    {"rollout": {"restartTime": "2026-11-21T12:00:00Z"}},
    {"rollout": None},
    {"pod": UNPLACED},
    {"paused": True},
    MENDED,
)
FAULTS: tuple[Fault, ...] = (
    *(Fault(WRITES, Refuse(code), times=2) for code in (403, 409, 422, 500, 503)),
    Fault(WRITES, Refuse(429, retry_after=1), times=3),
    Fault(on(["list"]), Refuse(503), times=4),
    Fault(WRITES, Drop(forwarded=True), times=2),
    Fault(WRITES, Drop(forwarded=False), times=2),
    Fault(WRITES, Delay(0.7), times=6),
    Fault(on("watch"), Hold(only_last=True)),
    Fault(on("watch"), Hold(only_last=False)),
    Fault(on("watch"), Error(410), times=8),
    Fault(on("watch"), Error(500), times=8),
    Fault(on("watch"), Silence(), times=8),
)
REMOVED = ("service", "configmap", "poddisruptionbudget", "deployment", "pod")


def draw(rng: random.Random) -> Chain:
    """One chain."""
    kinds: tuple[Callable[[], Step], ...] = (
        lambda: Edit(rng.choice(EDITS)),
        lambda: Kill(rng.randrange(6), rng.random() < 0.5),
        lambda: Disturb(rng.choice(FAULTS)),
        Calm,
        lambda: Wait(rng.choice((0.2, 1.0, 3.0))),
        lambda: Remove(rng.choice(REMOVED)),
    )
    weights = (6, 3, 4, 1, 4, 1)
    return tuple(step() for step in rng.choices(kinds, weights, k=rng.randint(2, LONGEST)))


@dataclass
class Play:
    """One chain on one stage: O3 against an object that had its last spec from the start, O7, O8 and O9."""

    stage: Stage
    spec: dict[str, Any] = field(default_factory=dict)
    standing: tuple[Fault, ...] = ()

    def run(self, chain: Chain) -> None:
        """AssertionError when an oracle says no."""
        fleet = self.stage.fleet
        self.stage.start()
        fleet.create()
        for step in chain:
            self._take(step)
            self.stage.tend()
        self._take(Edit(MENDED))
        self._take(Calm())
        self.stage.settle(seconds=SETTLING_SECONDS)
        self._judge()

    def _take(self, step: Step) -> None:
        if isinstance(step, Edit):
            self.spec = merged(self.spec, step.spec) if self.spec else dict(step.spec)
            self.stage.fleet.edit(**step.spec)
        elif isinstance(step, Kill):
            self._stand(Fault(WRITES, Call(self.stage.kill, step.forwarded), skip=step.skip, times=1))
        elif isinstance(step, Disturb):
            self._stand(step.fault)
        elif isinstance(step, Calm):
            self.standing = ()
            self.stage.arm()
        elif isinstance(step, Wait):
            end = time.monotonic() + step.seconds
            self.stage.until(lambda: time.monotonic() > end, "time passes")
        else:
            fleet = self.stage.fleet
            labelled = f"-lllmfleet.io/deployment={fleet.name}"
            fleet.kubectl("delete", step.kind, labelled, "--wait=false")

    def _stand(self, fault: Fault) -> None:
        self.standing = (*self.standing, fault)
        self.stage.arm(*self.standing)

    def _judge(self) -> None:
        fleet, plain = self.stage.fleet, self.stage.another("plain")
        found = oracles.present_state(self.stage.objects())
        plain.create(**{key: value for key, value in self.spec.items() if value is not None})
        plain.await_condition("Ready")
        self.stage.rest()
        expected = oracles.present_state(self.stage.objects_of(plain))
        _none(oracles.differences(expected, found))
        _none(oracles.defects(self.stage.log()))
        _none(sorted(set(self.stage.exits) - {KILLED, LOST_THE_LEASE}))
        uid = fleet.get()["metadata"]["uid"]
        fleet.kubectl("delete", "llm", fleet.name)
        self.stage.until(lambda: not self.stage.left_over(uid), "nothing is left", 60)


def _none(wrong: Sequence[object]) -> None:
    assert not wrong, "\n".join(str(each) for each in wrong)


def failure(run: Callable[[Chain], None], chain: Chain) -> str:
    """What a chain fails with; empty when it holds."""
    try:
        run(chain)
    except AssertionError as error:
        return str(error) or "failed"
    return ""


def shortest(fails: Callable[[Chain], bool], chain: Chain) -> Chain:
    """The chain with every step left out that the failure does not need."""
    index = 0
    while index < len(chain):
        shorter = chain[:index] + chain[index + 1 :]
        if fails(shorter):
            chain = shorter
        else:
            index += 1
    return chain
