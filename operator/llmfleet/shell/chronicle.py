"""What the operator remembers of one fleet for a day: points in two widths, and decisions; about 100 kB at the most.

Ten-second points for an hour, two-minute points for a day. It is lost with the process, and whoever tells it says so.
"""

import math
from collections import deque
from datetime import datetime

from llmfleet.api.scaled import AutoscalingStatus, Decision
from llmfleet.core.explain.account import Account, Point, joined
from llmfleet.core.explain.ring import Ring, point
from llmfleet.core.explain.seen import Seen
from llmfleet.core.explain.standing import standing
from llmfleet.core.scaling import decide as scaling
from llmfleet.core.scaling.why import LIMITS

FINE_SECONDS, FINE_COUNT = 10.0, 360
COARSE_SECONDS, COARSE_COUNT = 120.0, 720
MOST_DECISIONS = 64


class Chronicle:
    """One fleet's memory."""

    def __init__(self, began: str) -> None:
        """``began`` is RFC 3339, by the wall clock."""
        self.began = began
        self.decisions: deque[Decision] = deque(maxlen=MOST_DECISIONS)
        self.latest: scaling.Decision | None = None
        self._rings = (Ring(COARSE_SECONDS, COARSE_COUNT), Ring(FINE_SECONDS, FINE_COUNT))

    def note(self, now: str, seen: Seen, decision: scaling.Decision, size: int) -> None:
        """Enter one look and, where it changes the size or something else holds it, the decision."""
        offset = (datetime.fromisoformat(now) - datetime.fromisoformat(self.began)).total_seconds()
        for ring in self._rings:
            ring.note(offset, seen)
        self.latest = decision
        told = Decision(time=now, from_=size, to=decision.replicas, reason=decision.why, message=decision.message)
        past = self.decisions[-1] if self.decisions else None
        if told.from_ != told.to or (decision.why in LIMITS and (past is None or past.reason != told.reason)):
            self.decisions.append(told)

    def told(self, account: Account) -> Account:
        """An account with what is remembered here added to it."""
        words = f"the memory of the operator since {self.began}, which its restart ends"
        return account.model_copy(
            update={
                "called_for": self.latest.called_for if self.latest else None,
                "standing": self._standing(account.standing),
                "decisions": joined(account.decisions, self.decisions),
                "points": self.points(),
                "sources": (*account.sources, words),
            }
        )

    def _standing(self, written: AutoscalingStatus | None) -> AutoscalingStatus | None:
        """The same decision with the numbers of the last look: the status has those from when its reason began."""
        if written is None or self.latest is None:
            return written
        now = standing(self.latest, written.since, written.history)
        return now.model_copy(
            update={
                "source": written.source,
                "next_schedule_change": written.next_schedule_change,
                "learned": written.learned,
            }
        )

    def points(self) -> tuple[Point, ...]:
        """Oldest first: wide ones, then narrow ones from where those begin."""
        coarse, fine = (list(ring.rows()) for ring in self._rings)
        begin = fine[0][0] if fine else math.inf
        return tuple(self._point(*row) for row in (*(row for row in coarse if row[0] + COARSE_SECONDS <= begin), *fine))

    def _point(self, offset: float, seen: Seen) -> Point:
        return point(datetime.fromisoformat(self.began).timestamp() + offset, seen)
