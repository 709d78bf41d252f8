"""What the scenarios share: load on a fleet, and the one verdict on it."""

from e2e.load import Background, Plan, Report
from e2e.stack import Fleet

STREAMS = 16
"""Open streams at the moment a pod is told to go."""


def load_on(fleet: Fleet, *, clients: int = 8, max_tokens: int = 64, seconds: float = 400) -> Background:
    """A closed loop of streams through the fleet's Service."""
    return Background(Plan(fleet.url(), fleet.name, clients=clients, max_tokens=max_tokens, seconds=seconds))


def assert_none_failed(report: Report) -> None:
    """Ruling 8: a client without retries saw nothing but complete answers."""
    assert report.sent > 0
    assert report.failures == ()
