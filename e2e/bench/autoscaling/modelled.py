"""Rivals that know the engine: what they share.

They profile an engine or learn its step time; here they are given the simulated engine's own numbers, which is the best
that either could come to. ``target`` is the share of the promised latency that they plan for, 1 by default.
"""

from dataclasses import dataclass, field

from llmfleet.core.scaling.flow import Flow, PodFlow, Watch
from llmfleet.core.scaling.load import Tick
from llmfleet.core.simulation.outcome import Promise
from llmfleet.core.simulation.profile import Profile

from .rivals import Rival

REMEMBERED_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Sizes:
    """Means over requests: prompt and output tokens."""

    prompt: float
    output: float

    @property
    def context(self) -> float:
        """Tokens of one sequence in the cache, half way through."""
        return self.prompt + self.output / 2


@dataclass
class Modelled(Rival):
    """A rival with the engine's profile and the promise, and counters as rates."""

    profile: Profile = field(kw_only=True)
    promise: Promise = field(kw_only=True)
    watch: Watch = field(default_factory=Watch)
    flows: list[Flow] = field(default_factory=list)

    @property
    def first_token(self) -> float:
        """Seconds to the first token that are planned for."""
        return self.target * self.promise.time_to_first_token

    @property
    def output_token(self) -> float:
        """Seconds per output token that are planned for."""
        return self.target * self.promise.time_per_output_token

    def wanted(self, seen: Tick, size: int) -> int:
        """See ``Rival``."""
        flow, self.watch = self.watch.look(seen.samples, seen.time)
        if flow:
            self.flows = [each for each in self.flows if seen.time - each.time < REMEMBERED_SECONDS] + [flow]
        return self.planned(seen, size)

    def planned(self, seen: Tick, size: int) -> int:
        """The rule, before the bounds."""
        raise NotImplementedError

    def sizes(self, seconds: float, now: float) -> Sizes | None:
        """Of the requests of the last ``seconds``; None without any."""
        recent = [each for each in self.flows if now - each.time < seconds]
        requests = sum(each.requests for each in recent)
        if not requests:
            return None
        prompts, tokens = sum(each.prompted for each in recent), sum(each.tokens for each in recent)
        return Sizes(max(1.0, prompts / requests), max(1.0, tokens / requests))

    def rate(self, seconds: float, now: float) -> float | None:
        """Requests per second that the pods counted in the last ``seconds``; None when none was comparable."""
        recent = [each for each in self.flows if now - each.time < seconds]
        told = [each for each in recent if each.told]
        span = sum(each.seconds for each in recent)
        return sum(each.requests for each in told) / span if told and span else None

    def pods(self) -> tuple[PodFlow, ...]:
        """Each pod since the last look."""
        return self.flows[-1].pods if self.flows else ()
