"""Ages between instants that different clocks have written."""

import pytest

from llmfleet.core.instant import elapsed

NOON = "2026-11-21T12:00:00Z"


@pytest.mark.proves("R29")
@pytest.mark.parametrize(
    ("since", "now", "seconds"),
    [
        pytest.param(NOON, "2026-11-21T12:10:00Z", 600, id="past"),
        pytest.param(NOON, NOON, 0, id="now"),
        pytest.param("2026-11-21T12:10:00Z", NOON, 0, id="ahead: a clock is wrong by ten minutes"),
        pytest.param("2026-11-21T13:00:00+01:00", NOON, 0, id="another zone"),
        pytest.param("2026-11-21T12:00:00.5Z", "2026-11-21T12:00:01Z", 0.5, id="fractions"),
        pytest.param("", NOON, 0, id="absent"),
        pytest.param("yesterday", NOON, 0, id="no instant"),
        pytest.param("2026-11-21T12:00:00", NOON, 0, id="without a zone"),
    ],
)
def test_no_age_is_negative(since: str, now: str, seconds: float) -> None:
    assert elapsed(since, now) == seconds
