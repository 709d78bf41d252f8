"""One request on its way through the model."""

from typing import NamedTuple


class Arrival(NamedTuple):
    """One line of a trace."""

    time: float
    """Seconds since the trace's start."""
    prompt: int
    """Prompt tokens, at least 1."""
    output: int
    """Generated tokens, at least 1."""


class Request:
    """Mutable for speed: there are millions of them."""

    __slots__ = ("arrival", "computed", "end", "first", "known", "left", "output", "prompt")

    def __init__(self, arrival: Arrival) -> None:
        """A request that has just come."""
        self.arrival, self.prompt, self.output = arrival
        self.known = self.prompt
        """Tokens to compute before the next one: the prompt and, after a preemption, what was generated."""
        self.computed = 0
        self.left = self.output
        self.first: float | None = None
        """When its first token came."""
        self.end: float | None = None

    @property
    def time_to_first_token(self) -> float:
        """Seconds; only for a request that has ended."""
        return (self.first or 0.0) - self.arrival

    @property
    def time_per_output_token(self) -> float:
        """Mean seconds between its tokens; 0 for an answer of one token."""
        if self.output < 2:
            return 0.0
        return ((self.end or 0.0) - (self.first or 0.0)) / (self.output - 1)
