"""One chain on one stage, and the oracles' word on where it ends."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import singledispatchmethod
from typing import Any

import pytest

from e2e.cluster import ClusterError
from tests.builders import merged
from tests.faults import oracles
from tests.faults.chains import (
    MENDED,
    Calm,
    Chain,
    Disturb,
    Edit,
    Kill,
    Misedit,
    Rebirth,
    Relive,
    Remove,
    Step,
    Wait,
)
from tests.faults.flows import delete
from tests.faults.rules import WRITES, Call, Fault, Replay, on
from tests.faults.stage import KILLED, Stage

LOST_THE_LEASE = 1
SETTLING_SECONDS = 90.0
"""A watch that fell silent may hide for seventy that pods are ready."""
OLD_ANSWERS = 8
USUAL_SIZE = 2
"""Of a fleet whose spec says nothing else."""


def must_serve(spec: dict[str, Any]) -> int:
    """Replicas of a fleet at rest that serve whatever becomes of it; in place, one leaves before its successor."""
    autoscaling, rollout = spec.get("autoscaling"), spec.get("rollout") or {}
    size = autoscaling["minReplicas"] if autoscaling else spec.get("replicas", USUAL_SIZE)
    return int(size) - (rollout.get("type") == "InPlace")


@dataclass
class Play:
    """O3 against an object that had its last spec from the start, O4 with it, for bad specs are taken back.

    O6 where a step tries what is illegal, O7, O8 and O9. Meanwhile what serves is held to the least floor of all specs
    since the object was born, for the operator may see an older one.
    """

    stage: Stage
    spec: dict[str, Any] = field(default_factory=dict)
    standing: tuple[Fault, ...] = ()
    past: dict[str, Any] = field(default_factory=dict)
    """What could be listed before the last edit."""
    floor: int = USUAL_SIZE

    def run(self, chain: Chain) -> None:
        """AssertionError when an oracle says no."""
        self.stage.start()
        self.stage.fleet.create()
        self.stage.floor.hold(self.floor)
        self.past = self.stage.snapshot()
        for step in chain:
            self._take(step)
            self.stage.tend()
        self._take(Edit(MENDED))
        self._take(Calm())
        self.stage.settle(seconds=SETTLING_SECONDS)
        self._judge()

    @singledispatchmethod
    def _take(self, step: Step) -> None:
        raise NotImplementedError(step)

    @_take.register
    def _(self, step: Edit) -> None:
        self.past = self.stage.snapshot()
        self.spec = merged(self.spec, step.spec)
        if must_serve(self.spec) < self.floor:
            self._hold(must_serve(self.spec))
        self.stage.fleet.edit(**step.spec)

    def _hold(self, least: int) -> None:
        self.floor = least
        self.stage.floor.hold(least)

    @_take.register
    def _(self, step: Misedit) -> None:
        before = self._meant()
        with pytest.raises(ClusterError, match="is invalid"):
            self.stage.fleet.edit(**step.spec)
        assert self._meant() == before, f"a refused edit changed the object: {step}"

    def _meant(self) -> tuple[Any, int]:
        raw = self.stage.fleet.get()
        return raw["spec"], raw["metadata"]["generation"]

    @_take.register
    def _(self, step: Kill) -> None:
        self._stand(Fault(WRITES, Call(self.stage.kill, step.forwarded), skip=step.skip, times=1))

    @_take.register
    def _(self, step: Disturb) -> None:
        self._stand(step.fault)

    @_take.register
    def _(self, step: Relive) -> None:
        self._stand(Fault(on(step.verb), Replay(self.past), times=OLD_ANSWERS))

    @_take.register
    def _(self, step: Calm) -> None:
        self.standing = ()
        self.stage.arm()

    @_take.register
    def _(self, step: Wait) -> None:
        end = time.monotonic() + step.seconds
        self.stage.until(lambda: time.monotonic() > end, "time passes")

    @_take.register
    def _(self, step: Remove) -> None:
        fleet = self.stage.fleet
        if step.kind in ("deployment", "pod"):
            self._hold(0)
        fleet.kubectl("delete", step.kind, f"-lllmfleet.io/deployment={fleet.name}", "--wait=false")

    @_take.register
    def _(self, step: Rebirth) -> None:
        self.past = self.stage.snapshot()
        delete(self.stage)
        self.stage.born_again()
        self.stage.fleet.create(**self.spec)
        self._hold(must_serve(self.spec))

    def _stand(self, fault: Fault) -> None:
        self.standing = (*self.standing, fault)
        self.stage.arm(*self.standing)

    def _judge(self) -> None:
        plain = self.stage.another("plain")
        found = oracles.present_state(self.stage.objects())
        plain.create(**self.spec)
        plain.await_condition("Ready", seconds=SETTLING_SECONDS)
        self.stage.rest()
        expected = oracles.present_state(self.stage.objects_of(plain))
        _none(oracles.differences(expected, found))
        _none(oracles.defects(self.stage.log()))
        _none(sorted(set(self.stage.exits) - {KILLED, LOST_THE_LEASE}))
        _none(self.stage.floor.losses())
        delete(self.stage)


def _none(wrong: Sequence[object]) -> None:
    assert not wrong, "\n".join(str(each) for each in wrong)
