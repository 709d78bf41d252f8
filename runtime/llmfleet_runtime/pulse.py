"""Pure: whether a ready engine still moves.

An engine that hangs goes on answering ``/health``, and its metrics page stands still. It is stalled when it has work
and no number of the page moves for two minutes. A long prompt is no stall: the cache fills with each piece of it.
Without work of its own the engine is idle, though the guard may count requests whose clients send or read slowly;
then one token is asked of it, which is work.
"""

from dataclasses import dataclass

from .contract import LoadReport

STALL_SECONDS = 120.0
"""Longer than any step of an engine: on few cores a piece of a prompt takes a minute."""
DOUBT_SECONDS = 15.0

Mark = tuple[float | None, ...]


@dataclass(frozen=True)
class Pulse:
    """What the looks at the engine showed so far; times are monotonic seconds."""

    moved_at: float
    mark: Mark = ()
    has_work: bool = False
    is_asked: bool = False
    """The guard counts requests and the engine knows none."""
    waiting: int = 0
    """Requests in flight by the guard."""

    def look(self, report: LoadReport, now: float, *, has_probe: bool = False) -> "Pulse":
        """After one more report; ``has_probe`` while an own request is unanswered."""
        tokens = (report.prompt_tokens, report.generation_tokens)
        mark = (report.running, report.waiting, report.steps, report.kv_cache_usage, *tokens)
        has_work = has_probe or bool((report.running or 0) + (report.waiting or 0))
        is_asked = report.in_flight > 0 and not has_work
        stands = mark == self.mark and (has_work or is_asked) and (self.has_work or self.is_asked)
        return Pulse(self.moved_at if stands else now, mark, has_work, is_asked, report.in_flight)

    def is_doubtful(self, now: float) -> bool:
        """Whether somebody waits and only a request of our own can tell for what."""
        return self.is_asked and now - self.moved_at >= DOUBT_SECONDS

    def still_seconds(self, now: float) -> float:
        """For how long an engine with work has not moved."""
        return now - self.moved_at if self.has_work else 0.0
