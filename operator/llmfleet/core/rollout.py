"""How many pods each revision should have now: the surge by which a new revision replaces an old one."""

from collections.abc import Mapping
from dataclasses import dataclass


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


def next_sizes(desired: int, current: Side, previous: Mapping[str, Side]) -> Sizes:
    """The next sizes, one more pod than desired at the most, never fewer ready pods than desired and now ready.

    ``previous`` is ordered oldest first. An old pod that has never answered gives way at once, so that a bad
    revision cannot block the one that mends it; an old pod that has answered leaves only once a new one is ready.
    """
    needed = max(0, desired - current.ready)
    kept = {name: min(side.size, side.served) for name, side in previous.items()}
    for spared in ({name: side.ready for name, side in previous.items()}, dict.fromkeys(previous, 0)):
        for name, size in list(kept.items()):  # pods that do not answer at the moment go first, of any revision
            excess = max(0, sum(kept.values()) - needed)
            kept[name] = size - min(excess, max(0, size - spared[name]))
    remaining = sum(kept.values())
    if not remaining:
        return Sizes(desired, kept)
    surge = min(desired, desired + 1 - min(remaining, desired))
    return Sizes(max(min(current.size, desired), surge), kept)
