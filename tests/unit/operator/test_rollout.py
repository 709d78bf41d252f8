"""How a new revision replaces an old one, step by step."""

import pytest

from llmfleet.core.rollout import Bounds, Side, next_sizes

NONE = Side(0, 0, 0)


def side(size: int, ready: int | None = None, served: int | None = None) -> Side:
    ready = size if ready is None else ready
    return Side(size, ready, ready if served is None else served)


@pytest.mark.parametrize(
    ("desired", "current", "old", "expected"),
    [
        pytest.param(2, NONE, [], (2, []), id="a new fleet starts at its size"),
        pytest.param(0, side(2), [], (0, []), id="zero is a size"),
        pytest.param(1, side(3), [], (1, []), id="a settled fleet shrinks at once"),
        pytest.param(1, NONE, [side(1)], (1, [1]), id="one candidate beside the only old pod"),
        pytest.param(1, side(1, 0), [side(1)], (1, [1]), id="the old pod waits for the candidate"),
        pytest.param(1, side(1), [side(1)], (1, [0]), id="the ready candidate replaces it"),
        pytest.param(3, NONE, [side(3)], (1, [3]), id="a surge of one"),
        pytest.param(3, side(1), [side(3)], (2, [2]), id="each ready new pod releases one old"),
        pytest.param(3, side(2, 1), [side(2)], (2, [2]), id="an unready new pod releases none"),
        pytest.param(3, side(3, 2), [side(1)], (3, [1]), id="the last old pod stays to the end"),
        pytest.param(3, side(3), [side(1)], (3, [0]), id="the last old pod goes"),
        pytest.param(3, NONE, [side(3, 0)], (3, [0]), id="a revision that never answered gives way at once"),
        pytest.param(3, NONE, [side(3, 1)], (3, [1]), id="only those that never answered give way"),
        pytest.param(2, NONE, [side(2, 1, 2)], (1, [2]), id="an old pod that has answered is waited for"),
        pytest.param(2, NONE, [side(2), side(1, 0)], (1, [2, 0]), id="a bad candidate blocks no mending one"),
        pytest.param(2, NONE, [side(1), side(1)], (1, [1, 1]), id="two previous revisions serve together"),
        pytest.param(2, side(1), [side(1), side(1)], (2, [0, 1]), id="the oldest leaves first"),
        pytest.param(1, NONE, [side(1), side(1, 0, 1)], (1, [1, 0]), id="who does not answer leaves before who does"),
        pytest.param(1, NONE, [side(3)], (1, [1]), id="shrinking during a rollout takes old pods first"),
        pytest.param(5, NONE, [side(2)], (4, [2]), id="without a proven revision growth is the new one's"),
        pytest.param(0, side(1, 0), [side(1)], (0, [0]), id="scaled to zero during a rollout"),
    ],
)  # fmt: skip
def test_next_sizes(desired: int, current: Side, old: list[Side], expected: tuple[int, list[int]]) -> None:
    sizes = next_sizes(desired, current, {str(age): each for age, each in enumerate(old)}, Bounds())
    assert (sizes.current, list(sizes.previous.values())) == expected


@pytest.mark.parametrize(
    ("bounds", "desired", "current", "old", "expected"),
    [
        pytest.param((0, 1), 3, NONE, [side(3)], (1, [2]), id="in place an old pod leaves first"),
        pytest.param((0, 1), 3, side(1, 0), [side(2)], (1, [2]), id="the next leaves once its successor is ready"),
        pytest.param((0, 1), 3, side(1), [side(2)], (2, [1]), id="and then it does"),
        pytest.param((0, 1), 1, NONE, [side(1)], (1, [0]), id="in place the only pod makes room"),
        pytest.param((0, 1), 3, NONE, [side(3, 2, 3)], (1, [2]), id="a pod that does not answer makes room first"),
        pytest.param((0, 1), 3, NONE, [side(3, 1, 3)], (1, [2]), id="no ready pod leaves below the floor"),
        pytest.param((2, 0), 3, NONE, [side(3)], (2, [3]), id="a surge of two"),
        pytest.param((9, 0), 3, NONE, [side(3)], (3, [3]), id="a surge never goes past the wanted size"),
        pytest.param((1, 1), 3, NONE, [side(3)], (2, [2]), id="one more and one fewer"),
        pytest.param((0, 9), 3, NONE, [side(3)], (3, [0]), id="all at once, when that was asked for"),
        pytest.param((0, 0), 3, NONE, [side(3)], (0, [3]), id="held"),
        pytest.param((0, 0), 2, NONE, [side(3)], (0, [2]), id="held, a smaller size is kept"),
    ],
)  # fmt: skip
def test_bounds(
    bounds: tuple[int, int], desired: int, current: Side, old: list[Side], expected: tuple[int, list[int]]
) -> None:
    sizes = next_sizes(desired, current, {str(age): each for age, each in enumerate(old)}, Bounds(*bounds))
    assert (sizes.current, list(sizes.previous.values())) == expected


@pytest.mark.parametrize(
    ("bounds", "desired", "current", "old", "expected"),
    [
        pytest.param((1, 0), 5, side(1, 0), side(2), (1, 5), id="growth goes to the proven revision"),
        pytest.param((1, 0), 5, NONE, side(2), (1, 5), id="also before the new one has a pod"),
        pytest.param((1, 0), 9, side(1, 0), side(5, 2, 5), (1, 9), id="also while earlier growth is starting"),
        pytest.param((1, 0), 5, side(1), side(2), (4, 2), id="a new revision that answers grows itself"),
        pytest.param((1, 0), 5, side(1, 0, 1), side(2), (4, 2), id="also one that has answered"),
        pytest.param((1, 0), 5, side(1, 0), side(2, 0, 2), (4, 2), id="a proven revision that is down is no help"),
        pytest.param((0, 1), 5, side(1, 0), side(2), (1, 4), id="in place it leaves room for the new one"),
        pytest.param((0, 1), 1, side(1, 0), side(0, 1), (1, 0), id="in place the last pod does not come back"),
        pytest.param((0, 0), 5, NONE, side(2), (0, 5), id="held, it grows all the same"),
        pytest.param((1, 0), 5, side(4, 0), side(2), (4, 2), id="no further than the surge allows"),
        pytest.param((1, 0), 2, side(1, 0), side(2), (1, 2), id="nothing is missing"),
    ],
)  # fmt: skip
def test_until_the_new_revision_has_answered_what_is_missing_comes_in_the_proven_one(
    bounds: tuple[int, int], desired: int, current: Side, old: Side, expected: tuple[int, int]
) -> None:
    sizes = next_sizes(desired, current, {"good": old}, Bounds(*bounds), "good")
    assert (sizes.current, sizes.previous["good"]) == expected
