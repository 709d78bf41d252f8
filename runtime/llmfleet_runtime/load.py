"""Pure: an engine's metrics page -> the compact ``LoadReport``.

A page is 50 kB with 600 lines, and 4,000 pods are asked every few seconds, so it is read once, line by
line, and only the names below are looked at. A value that is not a finite number of zero or more
is as absent as a missing one: no data is never read as no load.
"""

import math
import re
from collections.abc import Iterator
from itertools import pairwise

from .contract import EngineWarning, LoadReport, Totals, WarningReason
from .engines.dialect import Dialect
from .measures import (
    CACHE_INFO,
    GENERATION_TOKENS,
    KV_CACHE_USAGE,
    PREFIXES,
    PROMPT_TOKENS,
    REQUEST_TIME_PER_OUTPUT_TOKEN,
    RUNNING,
    STEPS,
    TIME_PER_OUTPUT_TOKEN,
    TIME_TO_FIRST_TOKEN,
    WAITING,
    is_verified,
    missing,
)

BUCKETED = frozenset(f"{name}_bucket" for name in (*TIME_TO_FIRST_TOKEN, *REQUEST_TIME_PER_OUTPUT_TOKEN))

BLOCKS = re.compile(r'\bnum_gpu_blocks="(\d+)"')
BLOCK_SIZE = re.compile(r'\bblock_size="(\d+)"')
UPPER_BOUND = re.compile(r'[{,]le="([^"]*)"')

Samples = dict[str, list[float]]
"""Values by name; those of a bucket by the name, ``=`` and the upper bound."""


def report(page: str, started: float, in_flight: int, idle_seconds: float | None = None) -> LoadReport:
    """Summarize ``page``; engines of one server are added up, cache usage (0 to 1) is that of the fullest."""
    samples = _samples(page)
    return LoadReport(
        started=started,
        in_flight=in_flight,
        idle_seconds=idle_seconds,
        running=_sum(samples, RUNNING),
        waiting=_sum(samples, WAITING),
        steps=_sum(samples, STEPS),
        kv_cache_usage=_fullest(samples),
        prompt_tokens=_sum(samples, PROMPT_TOKENS),
        generation_tokens=_sum(samples, GENERATION_TOKENS),
        time_to_first_token=_totals(samples, TIME_TO_FIRST_TOKEN),
        time_per_output_token=_totals(samples, TIME_PER_OUTPUT_TOKEN),
        request_time_per_output_token=_totals(samples, REQUEST_TIME_PER_OUTPUT_TOKEN),
    )


def kv_cache_tokens(page: str) -> int | None:
    """Tokens that fit the engines' caches together; None when the page does not tell."""
    total = 0
    for line in page.splitlines():
        if line.startswith(CACHE_INFO):
            blocks, size = BLOCKS.search(line), BLOCK_SIZE.search(line)
            total += int(blocks[1]) * int(size[1]) if blocks and size else 0
    return total or None


def warnings(engine: Dialect, version: str, page: str | None) -> tuple[EngineWarning, ...]:
    """What about this engine is not as it was when this package was made; a page that did not come says nothing."""
    found = []
    if not is_verified(engine, version):
        known = ", ".join(engine.verified)
        words = f"{engine.title} {version} was never tried with this runtime, only {known}; it runs as those would"
        found.append(EngineWarning(reason=WarningReason.ENGINE_VERSION_UNKNOWN, message=words))
    if page and (names := missing(engine, page)):
        words = f"the engine's metrics page has no {', '.join(names)}"
        found.append(EngineWarning(reason=WarningReason.METRIC_UNKNOWN, message=words))
    return tuple(found)


def _samples(page: str) -> Samples:
    """Values of the plain samples, and of the buckets that are reported, by name."""
    found: Samples = {}
    for name, value in _lines(page):
        found.setdefault(name, []).append(value)
    return found


def _lines(page: str) -> Iterator[tuple[str, float]]:
    for line in page.splitlines():
        if not line.startswith(PREFIXES):
            continue
        # A label's value may hold blanks and braces; the sample's value stands after the last brace.
        head, brace, tail = line.rpartition("}")
        name = head.partition("{")[0] if brace else line.partition(" ")[0]
        words = (tail if brace else line[len(name) :]).split()
        if not words or name.endswith("_created"):
            continue
        if not name.endswith("_bucket"):
            yield name, _number(words[0])
        elif name in BUCKETED and (bound := UPPER_BOUND.search(head)):
            yield f"{name}={bound[1]}", _number(words[0])


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _values(samples: Samples, names: tuple[str, ...]) -> list[float] | None:
    values = next((samples[name] for name in names if name in samples), None)
    if values is None or not all(math.isfinite(value) and value >= 0 for value in values):
        return None
    return values


def _sum(samples: Samples, names: tuple[str, ...]) -> float | None:
    values = _values(samples, names)
    return None if values is None else sum(values)


def _fullest(samples: Samples) -> float | None:
    values = _values(samples, KV_CACHE_USAGE)
    return None if values is None else min(max(values), 1.0)


def _totals(samples: Samples, names: tuple[str, ...]) -> Totals | None:
    for name in names:
        total, count = _sum(samples, (f"{name}_sum",)), _sum(samples, (f"{name}_count",))
        if total is not None and count is not None:
            return Totals(sum=total, count=count, buckets=_buckets(samples, name, count))
    return None


def _buckets(samples: Samples, name: str, count: float) -> tuple[tuple[float, float], ...] | None:
    """The finite buckets in order; none at all unless each is a number and they only grow, up to the count."""
    prefix = f"{name}_bucket="
    found = [(_number(key.removeprefix(prefix)), _sum(samples, (key,))) for key in samples if key.startswith(prefix)]
    pairs = sorted((bound, upto) for bound, upto in found if bound < math.inf and upto is not None)
    whole = len(pairs) + 1 == len(found)
    rising = all(low <= high for (_, low), (_, high) in pairwise([*pairs, (math.inf, count)]))
    return tuple(pairs) if whole and rising and pairs else None
