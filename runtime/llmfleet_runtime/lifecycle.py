"""Pure: the pod's life as a transition table.

::

    Starting ─healthy─▶ Warming ─answered─▶ Ready ─stop asked─▶ Draining ─drained─▶ Stopping
        └──────stop asked──┴───────▶ Stopping ◀── stop asked while stalled ──┘
    everything but Stopping ─engine died, start-up timed out─▶ Failed

Stopping and Failed are final. An event that the table does not name for a phase changes nothing, so a
second SIGTERM, or the engine's end after we stopped it, is no special case anywhere else.
"""

from enum import StrEnum

from .contract import Phase


class Event(StrEnum):
    """What happens to a pod."""

    ENGINE_HEALTHY = "EngineHealthy"
    ENGINE_ANSWERED = "EngineAnswered"
    """One real request came back whole."""
    STARTUP_TIMED_OUT = "StartupTimedOut"
    STOP_ASKED = "StopAsked"
    STOP_ASKED_WHILE_STALLED = "StopAskedWhileStalled"
    """The kubelet gave up on a pod that does not answer: there is nothing to wait for."""
    DRAINED = "Drained"
    """Nothing is in flight, or the deadline has passed."""
    ENGINE_DIED = "EngineDied"


TRANSITIONS: dict[tuple[Phase, Event], Phase] = {
    (Phase.STARTING, Event.ENGINE_HEALTHY): Phase.WARMING,
    (Phase.STARTING, Event.STARTUP_TIMED_OUT): Phase.FAILED,
    (Phase.STARTING, Event.STOP_ASKED): Phase.STOPPING,
    (Phase.STARTING, Event.STOP_ASKED_WHILE_STALLED): Phase.STOPPING,
    (Phase.STARTING, Event.ENGINE_DIED): Phase.FAILED,
    (Phase.WARMING, Event.ENGINE_ANSWERED): Phase.READY,
    (Phase.WARMING, Event.STARTUP_TIMED_OUT): Phase.FAILED,
    (Phase.WARMING, Event.STOP_ASKED): Phase.STOPPING,
    (Phase.WARMING, Event.STOP_ASKED_WHILE_STALLED): Phase.STOPPING,
    (Phase.WARMING, Event.ENGINE_DIED): Phase.FAILED,
    (Phase.READY, Event.STOP_ASKED): Phase.DRAINING,
    (Phase.READY, Event.STOP_ASKED_WHILE_STALLED): Phase.STOPPING,
    (Phase.READY, Event.ENGINE_DIED): Phase.FAILED,
    (Phase.DRAINING, Event.DRAINED): Phase.STOPPING,
    (Phase.DRAINING, Event.ENGINE_DIED): Phase.FAILED,
}

FINAL = frozenset({Phase.STOPPING, Phase.FAILED})


def after(phase: Phase, event: Event) -> Phase:
    """The phase that follows; the same one when the event means nothing to it."""
    return TRANSITIONS.get((phase, event), phase)
