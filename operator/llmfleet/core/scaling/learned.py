"""What of the decider's memory outlives its process: what one replica takes, and what it carries of that.

Everything else is gone with the process, and the decider is careful after a restart.
"""

from llmfleet.api.scaled import Learned
from llmfleet.core.scaling.latency import StepTime
from llmfleet.core.scaling.offered import ENOUGH_REQUESTS, History

EVERY_SECONDS = 600.0
"""It is written this often at the most."""
NEWS = 0.1
"""And when one of its numbers has changed by more than this share."""


def learned(memory: History) -> Learned | None:
    """What is known; None before it is believed."""
    time = memory.time
    if time is None or not time.is_known or memory.requests < ENOUGH_REQUESTS:
        return None
    return Learned(
        step_microseconds=round(time.step * 1e6),
        sequence_nanoseconds=round(time.sequence * 1e9),
        prompt_token_nanoseconds=round(time.prompt_token * 1e9),
        correction_percent=round(memory.correction * 100),
        proven_percent=min(100, round(memory.proven * 100)),
    )


def is_news(found: Learned, before: Learned | None) -> bool:
    """Whether it is worth a write."""
    if before is None:
        return True
    pairs = zip(found.model_dump().values(), before.model_dump().values(), strict=True)
    return any(abs(number - past) > NEWS * max(past, 1) for number, past in pairs)


def recalled(told: Learned | None, now: float) -> History:
    """A memory that begins at ``now`` with what was learned before."""
    if told is None:
        return History(started=now)
    return History(
        started=now,
        time=StepTime.recalled(
            (told.step_microseconds / 1e6, told.sequence_nanoseconds / 1e9, told.prompt_token_nanoseconds / 1e9)
        ),
        correction=told.correction_percent / 100,
        proven=told.proven_percent / 100,
        requests=ENOUGH_REQUESTS,
    )
