"""What the autoscaler reads of a fleet, and when it reads it again."""

import pytest

from llmfleet.shell.ports import Key
from tests.unit.operator.test_autoscale import look, recorded, settled


async def test_a_fleet_of_which_nothing_is_another_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made, reads = await settled(), list[Key]()
    read = made.autoscaler.cache.look
    monkeypatch.setattr(made.autoscaler.cache, "look", lambda key: reads.append(key) or read(key))
    await look(made, 5)
    reads.clear()
    for _ in range(3):
        made.clock.now += 2
        await made.tick()
    assert len(reads) <= 1
    made.world.edit(autoscaling={"minReplicas": 2})
    await look(made, 2)
    assert len(reads) >= 1
    assert recorded(made)["desired"] == 2


async def test_a_fleet_that_is_let_go_is_read_anew() -> None:
    made = await settled()
    await look(made, 2)
    (key,) = made.autoscaler._observed
    made.autoscaler.let_go(key)
    made.autoscaler.let_go(key)
    assert made.autoscaler._observed == {}
    await look(made, 1)
    assert list(made.autoscaler._observed) == [key]
