"""What may happen to the pages of the pods on their way to the autoscaler."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from llmfleet.core.simulation.run import Fault, Page


def between(begin: float, end: float, change: Fault) -> Fault:
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


COUNTERS = ("promptTokens", "generationTokens")
HISTOGRAMS = ("timeToFirstToken", "timePerOutputToken", "requestTimePerOutputToken")


def at_zero(members: dict[str, object]) -> None:
    """Counters stand at zero, and jump back to where they were in the end."""
    members |= dict.fromkeys(COUNTERS, 0.0) | {name: {"sum": 0.0, "count": 0.0} for name in HISTOGRAMS}


def counted_anew() -> Fault:
    """Counters begin again at zero and grow, without a restart that the page tells of."""
    first: dict[str, dict[str, Any]] = {}

    def restarted(_: float, pages: Sequence[Page]) -> Sequence[Page]:
        return [Page(each.pod, _since(first, each)) for each in pages]

    return restarted


def _since(first: dict[str, dict[str, Any]], page: Page) -> str | None:
    if page.text is None:
        return None
    members = json.loads(page.text)
    start = first.setdefault(page.pod, json.loads(page.text))
    for name in COUNTERS:
        members[name] -= start[name]
    for name in HISTOGRAMS:
        for part in ("sum", "count"):
            members[name][part] -= start[name][part]
        pairs = zip(members[name].get("buckets", ()), start[name].get("buckets", ()), strict=True)
        members[name]["buckets"] = [[bound, upto - before] for (bound, upto), (_, before) in pairs]
    return json.dumps(members)
