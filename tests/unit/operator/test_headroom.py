"""Room for adapters that the spec leaves open: it grows by a revision that says so, and nothing else rolls for it."""

from typing import Any, get_args

import pytest

from llmfleet.api.lora import MOST_ADAPTERS, Rank
from llmfleet.core.adapters import growth
from llmfleet.core.headroom import with_room
from llmfleet.core.revision import revision_of
from llmfleet.core.template import engine_config
from llmfleet_runtime.lora import RANKS
from tests.builders import DEFAULTS, deployment, parsed, revision, with_spec
from tests.simulator import Simulator


def adapters(count: int) -> list[dict[str, str]]:
    return [{"name": f"a{number}", "uri": f"hf://team/a{number}"} for number in range(count)]


def of(count: int, **lora: Any):
    return parsed(deployment(with_spec(lora={"adapters": adapters(count), **lora})))


def room(count: int, sizes: dict[str, int] | None = None, **lora: Any) -> int:
    found = engine_config(with_room(of(count, **lora), sizes or {}), DEFAULTS).lora
    assert found is not None
    return found.max_adapters


@pytest.mark.parametrize(
    ("count", "wanted"), [(0, 8), (1, 8), (8, 8), (9, 16), (16, 16), (17, 32), (32, 32), (33, 64), (MOST_ADAPTERS, 64)]
)
def test_room_is_the_next_step_of_what_is_there(count: int, wanted: int) -> None:
    assert room(count) == wanted


@pytest.mark.parametrize("count", [0, 3, 5])
def test_what_the_user_wrote_stays(count: int) -> None:
    assert room(count, maxAdapters=5) == 5


def test_up_to_the_default_a_revision_is_what_it_was() -> None:
    assert revision_of(with_room(of(8), {})) == revision_of(of(8)) == revision(deployment(with_spec(lora={})))


def test_the_room_that_pods_have_is_kept_when_there_are_fewer() -> None:
    wide = revision_of(with_room(of(9), {}))
    assert room(2, {wide: 3}) == 16
    assert room(2, {wide: 0}) == 8
    assert room(2, {wide: 1, revision_of(of(2)): 2}) == 8
    assert room(17, {wide: 3}) == 32


def test_without_adapters_in_the_engine_nothing_is_filled_in() -> None:
    plain = parsed(deployment())
    assert with_room(plain, {}) is plain


def test_growth_is_told_and_nothing_else() -> None:
    narrow, wide = (engine_config(with_room(of(count), {}), DEFAULTS).to_json() for count in (8, 9))
    assert growth(narrow, wide) == "room for 16 adapters instead of 8, which a pod has from its start"
    assert growth(wide, narrow) == growth(wide, wide) == ""
    assert growth(engine_config(parsed(deployment()), DEFAULTS).to_json(), wide) == ""


def test_the_ninth_adapter_rolls_and_says_why_and_taking_it_away_does_not() -> None:
    made = Simulator(deployment(with_spec(replicas=2, lora={"adapters": adapters(8)})))
    made.run()
    first = set(made.pods)
    made.edit(lora={"adapters": adapters(9)})
    path = made.plan().rollout
    assert path is not None
    assert path.message.endswith("; it brings room for 16 adapters instead of 8, which a pod has from its start")
    made.run()
    second = set(made.pods)
    assert first.isdisjoint(second)
    for count in (16, 8, 0, 12):
        made.edit(lora={"adapters": adapters(count)})
        made.run()
        assert set(made.pods) == second
    made.edit(lora={"maxAdapters": 16})
    assert made.plan().rollout is None


def test_the_ranks_of_the_resource_are_those_that_pods_name() -> None:
    assert get_args(Rank) == RANKS
