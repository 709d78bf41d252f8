"""Fleets that are sized by a metrics source of the operator's settings."""

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest

from llmfleet.core.pods import PodView
from llmfleet.core.scaling.sample import Sample
from llmfleet.core.scaling.series import Scrape
from llmfleet.shell.ports import Key, SourceUnavailable
from tests.builders import with_spec
from tests.fakes import FakeOperator
from tests.unit.operator.test_autoscale import AUTOSCALED, BUSY, IDLE, look, recorded, settled


class FakeSource:
    """A metrics source that says what it is told to say."""

    scrape = Scrape(interval=15.0)

    def __init__(self, load: Sample | None) -> None:
        self.load, self.asked = load, 0

    async def samples(self, key: Key, pods: Sequence[PodView]) -> tuple[Sample, ...]:
        self.asked += 1
        if self.load is None:
            raise SourceUnavailable("metrics source main cannot be reached")
        return tuple(replace(self.load, pod=pod.uid) for pod in pods)


async def sourced(load: Sample | None, name: str = "main") -> tuple[FakeOperator, FakeSource]:
    made = await settled(*AUTOSCALED, with_spec(autoscaling={"metricsSourceName": name}))
    source = FakeSource(load)
    made.autoscaler.sources = {"main": source, "other": source}
    return made, source


def scaling(made: FakeOperator) -> tuple[str, str, str]:
    (found,) = [each for each in made.world.raw["status"]["conditions"] if each["type"] == "ScalingActive"]
    return found["status"], found["reason"], found["message"]


async def test_a_source_sizes_the_fleet_and_is_named_in_the_status() -> None:
    made, _ = await sourced(BUSY)
    await look(made, 40, None)
    assert (recorded(made)["desired"], made.world.ready()) == (4, 4)
    told = recorded(made)
    assert (told["source"], told["coveragePercent"], told["trustPercent"]) == ("main", 100, 100)


@pytest.mark.parametrize("load", [pytest.param(IDLE, id="answers"), pytest.param(None, id="fails")])
async def test_a_source_is_asked_no_sooner_than_it_can_know_more(load: Sample | None) -> None:
    made, source = await sourced(load)
    for _ in range(30):
        made.clock.now += 2
        await made.tick()
    assert source.asked == 4


@pytest.mark.parametrize(
    ("load", "name", "reason", "words"),
    [
        pytest.param(BUSY, "nain", "MetricsSourceUnknown", "nain is not among .* (main, other)", id="unknown"),
        pytest.param(None, "main", "MetricsSourceUnavailable", "main cannot be reached", id="unreachable"),
    ],
)
async def test_a_source_in_trouble_holds_the_size_and_is_a_condition(
    load: Sample | None, name: str, reason: str, words: str
) -> None:
    made, _ = await sourced(load, name)
    made.world.edit(autoscaling={"minReplicas": 2})
    await look(made, 40, BUSY)
    assert (made.world.ready(), recorded(made)["desired"], recorded(made)["trustPercent"]) == (2, 2, 0)
    status, told, message = scaling(made)
    assert (status, told) == ("False", reason)
    assert re.search(words.replace("(", r"\(").replace(")", r"\)"), message)
    made.world.edit(autoscaling={"metricsSourceName": None})
    await look(made, 40, BUSY)
    assert (made.world.ready(), scaling(made)[0]) == (4, "True")
    assert "source" not in recorded(made)
