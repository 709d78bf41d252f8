"""How many pods each revision should have now: the steps by which a new revision replaces an old one."""

from collections.abc import Mapping
from dataclasses import dataclass

from llmfleet.api.conditions import Reason
from llmfleet.api.status import RolloutPath


@dataclass(frozen=True)
class Bounds:
    """How far a step may go above and below the wanted size."""

    surge: int = 1
    unavailable: int = 0


@dataclass(frozen=True)
class Path:
    """The way the next step goes, with its reason and what to expect of it."""

    path: RolloutPath
    reason: Reason
    message: str
    bounds: Bounds
    recheck_after: float | None = None

    @property
    def is_waiting(self) -> bool:
        """No step is taken yet."""
        return self.path is RolloutPath.WAITING


@dataclass(frozen=True)
class Side:
    """One revision's pods: how many are wanted, how many answer, how many have ever answered."""

    size: int
    ready: int
    served: int
    """Pods whose start-up has passed, ready at the moment or not."""


@dataclass(frozen=True)
class Sizes:
    """The next size of each revision."""

    current: int
    previous: Mapping[str, int]


def next_sizes(desired: int, current: Side, previous: Mapping[str, Side], bounds: Bounds) -> Sizes:
    """The next sizes, within ``bounds`` above and below desired; the lower one holds for pods that are ready now.

    ``previous`` is ordered oldest first. An old pod that has never answered gives way at once, so that a bad
    revision cannot block the one that mends it; an old pod that has answered leaves only as the floor allows.
    """
    needed = max(0, desired - bounds.unavailable - current.ready)
    kept = {name: min(side.size, side.served) for name, side in previous.items()}
    for spared in ({name: side.ready for name, side in previous.items()}, dict.fromkeys(previous, 0)):
        for name, size in list(kept.items()):  # pods that do not answer at the moment go first, of any revision
            excess = max(0, sum(kept.values()) - needed)
            kept[name] = size - min(excess, max(0, size - spared[name]))
    remaining = sum(kept.values())
    if not remaining:
        return Sizes(desired, kept)
    room = min(desired, desired + bounds.surge - min(remaining, desired))
    return Sizes(max(min(current.size, desired), room), kept)
