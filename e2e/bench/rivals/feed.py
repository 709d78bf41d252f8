"""The load that the rivals are shown: each look takes the next value, and is noted."""

from collections.abc import Callable, Mapping

from .series import LOOK_SECONDS, LOOKS, TARGET, Load, Look, Trial, made


class Feed:
    """One series for each Deployment; until it begins, a load that calls for one replica."""

    def __init__(self, trials: Mapping[str, Trial], clock: Callable[[], float]) -> None:
        """``trials`` by the name of their Deployment."""
        self._values = {name: made(each.series) for name, each in trials.items()}
        self._clock = clock
        self._asked: dict[str, float] = {}
        self._has_begun = False
        self.looks: dict[str, list[Look]] = {name: [] for name in trials}
        self.sizes: dict[str, int] = dict.fromkeys(trials, 1)
        """Of each Deployment, as last seen; whoever plays its controller writes it."""

    def __contains__(self, name: object) -> bool:
        """Whether there is such a series."""
        return name in self._values

    @property
    def is_heard(self) -> bool:
        """Whether every one was asked for."""
        return len(self._asked) == len(self._values)

    @property
    def is_done(self) -> bool:
        """Whether every one was asked for to its end."""
        return all(len(each) >= LOOKS for each in self.looks.values())

    def begin(self) -> None:
        """From here on the series are told."""
        self._has_begun = True

    def ask(self, name: str) -> Load:
        """The value of this look; KEDA asks again at once when there was none, which is no other look."""
        now, looks, values = self._clock(), self.looks[name], self._values[name]
        is_other = now - self._asked.get(name, -LOOK_SECONDS) >= LOOK_SECONDS / 2
        if is_other:
            self._asked[name] = now
        if not self._has_begun:
            return TARGET
        if is_other or not looks:
            looks.append(Look(now, values[min(len(looks), len(values) - 1)], self.sizes[name]))
        return looks[-1].value
