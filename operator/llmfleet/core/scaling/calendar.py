"""When a schedule holds: starts by cron in a time zone, each for a length of real time.

Starts are those of Debian's cron, by cronsim: one in an hour that the clocks skip comes right after it, one in an hour
that they repeat comes once; those of ``*`` in minutes or hours follow the clock as it is.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from llmfleet.api.schedule import Schedule

NEXT_STARTS = 8
"""So many starts are looked at: for one that comes before the one before has ended, and for other schedules' times."""


class NoSchedule(ValueError):
    """What cannot be a schedule, in words that name the field."""


@dataclass(frozen=True)
class Window:
    """A schedule at one moment."""

    is_open: bool
    changes: datetime | None
    """When it ends, or begins; None when it never does."""


def window(schedule: Schedule, now: datetime) -> Window:
    """How it stands. NoSchedule when it cannot."""
    last, following = _around(schedule, now.replace(second=0, microsecond=0))
    length = timedelta(seconds=schedule.duration_seconds)
    if last is None or now >= last + length:
        return Window(is_open=False, changes=following[0] if following else None)
    end = last + length
    for start in following:
        if start > end:
            return Window(is_open=True, changes=end)
        end = start + length
    return Window(is_open=True, changes=end if len(following) < NEXT_STARTS else None)


def overlap(one: Schedule, other: Schedule, now: datetime) -> datetime | None:
    """When both hold at once, soon; None when they do not. NoSchedule when one of them cannot."""
    starts = [now]
    for each in (one, other):
        starts += _around(each, now.replace(second=0, microsecond=0))[1]
    found = (at for at in sorted(starts) if window(one, at).is_open and window(other, at).is_open)
    return next(found, None)


@lru_cache(maxsize=4096)
def _around(schedule: Schedule, minute: datetime) -> tuple[datetime | None, tuple[datetime, ...]]:
    """The last start up to the end of a minute, and the next ones. Starts are on whole minutes."""
    zone = _zone(schedule)
    try:
        local = (minute + timedelta(seconds=1)).astimezone(zone)
        last = next(CronSim(schedule.start, local, reverse=True), None)
        following = tuple(islice(CronSim(schedule.start, minute.astimezone(zone)), NEXT_STARTS))
    except CronSimError as error:
        raise NoSchedule(f"schedule {schedule.name}: start {schedule.start!r}: {error}") from error
    if not following:
        raise NoSchedule(f"schedule {schedule.name}: start {schedule.start!r} never comes")
    return last.astimezone(UTC) if last else None, tuple(each.astimezone(UTC) for each in following)


def _zone(schedule: Schedule) -> ZoneInfo:
    try:
        return ZoneInfo(schedule.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        told = f"timeZone {schedule.time_zone!r} is none of the IANA database, such as Europe/Vienna"
        raise NoSchedule(f"schedule {schedule.name}: {told}") from error
