"""A PromQL server's raw points -> one sample a pod, as if its page had just been read.

Only raw points are asked for: rates, sums and percentiles are ours, so that a restart, a gap or a pod that is missing
is seen and not averaged away. All series of one pod that carry its newest time are its page; older ones are gone.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from llmfleet.core.scaling.sample import Sample, sample
from llmfleet_runtime.contract import LoadReport, Totals, measures

STALE_INTERVALS = 3.0
"""Points that are older are no numbers any more."""
_PLAIN = (
    *measures.RUNNING,
    *measures.WAITING,
    *measures.KV_CACHE_USAGE,
    *measures.PROMPT_TOKENS,
)
_JUDGED = (*measures.TIME_TO_FIRST_TOKEN, *measures.REQUEST_TIME_PER_OUTPUT_TOKEN)
_HISTOGRAMS = (*_JUDGED, *measures.TIME_PER_OUTPUT_TOKEN)
NAMES = (
    *_PLAIN,
    *(f"{name}_{part}" for name in _HISTOGRAMS for part in ("sum", "count")),
    *(f"{name}_bucket" for name in _JUDGED),
)
"""Of these series a fleet's load is made."""


class NotAnAnswer(ValueError):
    """What came is not what a PromQL server answers to a range."""


@dataclass(frozen=True, slots=True)
class Scrape:
    """Which labels name a pod, and how often it is read."""

    namespace_label: str = "namespace"
    pod_label: str = "pod"
    interval: float = 15.0
    """Seconds."""


@dataclass(frozen=True, slots=True)
class Points:
    """One series: its labels, and (time, value) in order of time."""

    labels: Mapping[str, str]
    values: tuple[tuple[float, float], ...]


Page = dict[tuple[str, str], list[float]]
"""Values by name and upper bound, one of each engine."""


def query(namespace: str, name: str, scrape: Scrape, seconds: float | None = None) -> str:
    """PromQL for the points of every pod of a fleet; ``seconds`` back, else as long as a point is believed."""
    window = max(1, math.ceil(STALE_INTERVALS * scrape.interval if seconds is None else seconds))
    names = "|".join(NAMES)
    pods = f'{scrape.pod_label}=~"{name}-[0-9a-f]{{10}}-.+"'
    return f'{{__name__=~"{names}",{scrape.namespace_label}="{namespace}",{pods}}}[{window}s]'


def points(answer: object) -> tuple[Points, ...]:
    """What a server answered to ``query``. Raises ``NotAnAnswer``."""
    if not isinstance(answer, list):
        raise NotAnAnswer(f"the answer is no list of series but {type(answer).__name__}")
    try:
        return tuple(_points(each) for each in answer)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise NotAnAnswer(f"a series is not one: {type(error).__name__} {str(error)[:80]}") from error


def _points(each: Any) -> Points:
    values = tuple((float(time), _number(text)) for time, text in each["values"])
    if not all(math.isfinite(time) for time, _ in values):
        raise ValueError("a time is no number")
    return Points({str(key): str(value) for key, value in each["metric"].items()}, tuple(sorted(values)))


def _number(text: object) -> float:
    """A server writes numbers as text; NaN for what is none."""
    try:
        return float(str(text))
    except ValueError:
        return math.nan


def samples(found: Iterable[Points], pods: Sequence[tuple[str, str]], scrape: Scrape, now: float) -> tuple[Sample, ...]:
    """A sample for each pod, given as name and UID, in order; ``now`` is Unix time. One without points is silent."""
    pages = dict(_newest(found, scrape, now))
    return tuple(_sample(pages.get(name), uid, scrape, now) for name, uid in pods)


def _newest(found: Iterable[Points], scrape: Scrape, now: float) -> Iterator[tuple[str, tuple[float, Page]]]:
    """Of each pod the time of its last page, and that page; what lies in the future or is stale is left out."""
    by_pod: dict[str, dict[float, Page]] = {}
    for each in found:
        upto = [point for point in each.values if point[0] <= now + scrape.interval]
        if upto and now - upto[-1][0] <= STALE_INTERVALS * scrape.interval:
            time, value = upto[-1]
            page = by_pod.setdefault(each.labels.get(scrape.pod_label, ""), {}).setdefault(time, {})
            page.setdefault((each.labels.get("__name__", ""), each.labels.get("le", "")), []).append(value)
    for pod, pages in by_pod.items():
        time = max(pages)
        yield pod, (time, pages[time])


def _sample(read: tuple[float, Page] | None, uid: str, scrape: Scrape, now: float) -> Sample:
    if read is None:
        return Sample(pod=uid)
    time, page = read
    usage = _values(page, measures.KV_CACHE_USAGE)
    report = LoadReport(
        started=0.0,
        in_flight=0,
        running=_sum(page, measures.RUNNING),
        waiting=_sum(page, measures.WAITING),
        kv_cache_usage=max(usage) if usage else None,
        prompt_tokens=_sum(page, measures.PROMPT_TOKENS),
        time_to_first_token=_totals(page, measures.TIME_TO_FIRST_TOKEN),
        time_per_output_token=_totals(page, measures.TIME_PER_OUTPUT_TOKEN),
        request_time_per_output_token=_totals(page, measures.REQUEST_TIME_PER_OUTPUT_TOKEN),
    )
    return replace(sample(report, uid), started=None, scraped=time, intervals=max(0.0, now - time) / scrape.interval)


def _values(page: Page, names: tuple[str, ...], suffix: str = "", bound: str = "") -> list[float] | None:
    """Of the newest name that there is; None when any of its numbers is none."""
    keys = ((f"{name}{suffix}", bound) for name in names)
    found = next((page[key] for key in keys if key in page), None)
    return found if found and all(math.isfinite(each) and each >= 0 for each in found) else None


def _sum(page: Page, names: tuple[str, ...], suffix: str = "", bound: str = "") -> float | None:
    found = _values(page, names, suffix, bound)
    return sum(found) if found else None


def _totals(page: Page, names: tuple[str, ...]) -> Totals | None:
    """Of the newest name whose sum and count there are."""
    for name in names:
        total, count = _sum(page, (name,), "_sum"), _sum(page, (name,), "_count")
        if total is not None and count is not None:
            return Totals(sum=total, count=count, buckets=_buckets(page, f"{name}_bucket"))
    return None


def _buckets(page: Page, name: str) -> tuple[tuple[float, float], ...] | None:
    """The finite ones in order; none unless each is a number. Whether they rise is asked by ``sample``."""
    bounds = sorted((_number(bound), bound) for named, bound in page if named == name)
    found = [(limit, _sum(page, (name,), bound=bound)) for limit, bound in bounds if limit != math.inf]
    whole = tuple((limit, upto) for limit, upto in found if upto is not None)
    return whole if whole and len(whole) == len(found) else None
