"""What may happen to the pages of the pods on their way to the autoscaler."""

import json
from collections.abc import Callable, Sequence

from llmfleet.core.simulation.run import Fault, Page

Begin, End = float, float


def between(begin: Begin, end: End, change: Fault) -> Fault:
    """A fault for a time."""
    return lambda now, pages: change(now, pages) if begin <= now < end else pages


def silent(_: float, pages: Sequence[Page]) -> Sequence[Page]:
    """No pod answers."""
    return [Page(each.pod, None) for each in pages]


def half_silent(_: float, pages: Sequence[Page]) -> Sequence[Page]:
    """Every other pod answers."""
    return [each if int(each.pod) % 2 else Page(each.pod, None) for each in pages]


def frozen() -> Fault:
    """Each pod goes on giving the page that was first asked for."""
    first: dict[str, str | None] = {}
    return lambda _, pages: [Page(each.pod, first.setdefault(each.pod, each.text)) for each in pages]


def rewritten(change: Callable[[dict[str, object]], None]) -> Fault:
    """Every page changed by a function of its members."""

    def rewrite(_: float, pages: Sequence[Page]) -> Sequence[Page]:
        return [Page(each.pod, _changed(each.text, change)) for each in pages]

    return rewrite


def _changed(text: str | None, change: Callable[[dict[str, object]], None]) -> str | None:
    if text is None:
        return None
    members = json.loads(text)
    change(members)
    return json.dumps(members)


def no_numbers(members: dict[str, object]) -> None:
    """Every measure is NaN."""
    for name in members.keys() - {"version", "inFlight", "started"}:
        members[name] = float("nan")


def counted_anew(members: dict[str, object]) -> None:
    """Counters begin at zero again, as after a restart that the page does not tell of."""
    for name in ("promptTokens", "generationTokens"):
        members[name] = 0.0
    for name in ("timeToFirstToken", "timePerOutputToken", "requestTimePerOutputToken"):
        members[name] = {"sum": 0.0, "count": 0.0}
