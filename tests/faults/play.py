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
from tests.faults.chains import MENDED, Calm, Chain, Disturb, Edit, Kill, Misedit, Relive, Remove, Step, Wait
from tests.faults.rules import WRITES, Call, Fault, Replay, on
from tests.faults.stage import KILLED, Stage

LOST_THE_LEASE = 1
SETTLING_SECONDS = 90.0
OLD_ANSWERS = 8


@dataclass
class Play:
    """O3 against an object that had its last spec from the start, O4 with it, for bad specs are taken back.

    O6 where a step tries what is illegal, O7, O8 and O9.
    """

    stage: Stage
    spec: dict[str, Any] = field(default_factory=dict)
    standing: tuple[Fault, ...] = ()
    past: dict[str, Any] = field(default_factory=dict)
    """What could be listed before the last edit."""

    def run(self, chain: Chain) -> None:
        """AssertionError when an oracle says no."""
        self.stage.start()
        self.stage.fleet.create()
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
        self.spec = merged(self.spec, step.spec) if self.spec else dict(step.spec)
        self.stage.fleet.edit(**step.spec)

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
        fleet.kubectl("delete", step.kind, f"-lllmfleet.io/deployment={fleet.name}", "--wait=false")

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
