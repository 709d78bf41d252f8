"""next_sizes holds its promises for any fleet."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmfleet.core.rollout import Bounds, Side, next_sizes


@st.composite
def sides(draw: st.DrawFn) -> Side:
    size = draw(st.integers(0, 5))
    served = draw(st.integers(0, size))
    return Side(size, draw(st.integers(0, served)), served)


FLEETS = (st.integers(0, 5), sides(), st.lists(sides(), max_size=3))
BOUNDS = st.builds(Bounds, surge=st.integers(0, 3), unavailable=st.integers(0, 3))
PROVEN = st.sampled_from([None, "r0", "r1", "r2"])


def previous(each: list[Side]) -> dict[str, Side]:
    return {f"r{index}": side for index, side in enumerate(each)}


def kept_ready(sides: dict[str, Side], sizes: dict[str, int]) -> int:
    """Ready pods that stay: a shrinking ReplicaSet takes those first that do not answer."""
    return sum(min(side.ready, sizes[name]) for name, side in sides.items())


@pytest.mark.proves("R59")
@settings(max_examples=600)
@given(*FLEETS, BOUNDS, PROVEN)
def test_no_ready_pod_is_taken_that_the_floor_needs(
    desired: int, current: Side, old: list[Side], bounds: Bounds, proven: str | None
) -> None:
    sizes = next_sizes(desired, current, previous(old), bounds, proven)
    before = current.ready + sum(side.ready for side in old)
    after = min(current.ready, sizes.current) + kept_ready(previous(old), dict(sizes.previous))
    assert after >= min(desired - bounds.unavailable, before)


@given(*FLEETS, BOUNDS, PROVEN)
def test_no_more_pods_than_the_surge_allows_are_asked_for(
    desired: int, current: Side, old: list[Side], bounds: Bounds, proven: str | None
) -> None:
    sizes = next_sizes(desired, current, previous(old), bounds, proven)
    sides = {"": current, **previous(old)}
    grown = any(size > sides[name].size for name, size in {"": sizes.current, **sizes.previous}.items())
    assert not grown or sizes.current + sum(sizes.previous.values()) <= desired + bounds.surge


@given(*FLEETS, BOUNDS, PROVEN)
def test_no_previous_revision_grows_but_a_proven_one_that_answers_for_a_new_one_that_never_has(
    desired: int, current: Side, old: list[Side], bounds: Bounds, proven: str | None
) -> None:
    sizes = next_sizes(desired, current, previous(old), bounds, proven)
    grown = {name for name, side in previous(old).items() if sizes.previous[name] > side.size}
    assert grown <= {proven}
    assert not grown or (previous(old)[str(proven)].ready and not current.served)


@given(*FLEETS)
def test_the_current_revision_never_exceeds_what_is_desired(desired: int, current: Side, old: list[Side]) -> None:
    assert next_sizes(desired, current, previous(old), Bounds()).current <= desired


@given(*FLEETS)
def test_a_fully_ready_current_revision_ends_the_others(desired: int, current: Side, old: list[Side]) -> None:
    full = Side(desired, desired, desired)
    assert not any(next_sizes(desired, full, previous(old), Bounds()).previous.values())


@given(*FLEETS, BOUNDS.filter(lambda bounds: bounds.surge + bounds.unavailable > 0), PROVEN)
def test_a_rollout_always_has_a_next_step(
    desired: int, current: Side, old: list[Side], bounds: Bounds, proven: str | None
) -> None:
    """Something changes, or a pod is being waited for."""
    sizes = next_sizes(desired, current, previous(old), bounds, proven)
    unchanged = sizes.current == current.size and dict(sizes.previous) == {n: s.size for n, s in previous(old).items()}
    done = current.size == desired and not any(side.size for side in old)
    assert not unchanged or done or current.ready < current.size
