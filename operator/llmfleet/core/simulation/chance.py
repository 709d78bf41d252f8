"""The seeded generator that a simulation is given; ``random.Random`` is one."""

from typing import Protocol


class Chance(Protocol):
    """Draws of the distributions that are used here."""

    def random(self) -> float:
        """Uniform from 0 to 1."""
        ...

    def gammavariate(self, alpha: float, beta: float, /) -> float:
        """Gamma of shape ``alpha`` and scale ``beta``."""
        ...

    def lognormvariate(self, mu: float, sigma: float, /) -> float:
        """Log-normal; ``mu`` and ``sigma`` are of the logarithm."""
        ...

    def randrange(self, stop: int, /) -> int:
        """A whole number from 0 to ``stop - 1``."""
        ...
