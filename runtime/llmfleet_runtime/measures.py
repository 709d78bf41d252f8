"""What the metrics pages of all engines call the numbers that this package reads.

Each engine's own names are in its module in ``engines/``; no two engines share one, so a page tells whose it is.
"""

from collections.abc import Iterable

from .engines.dialect import Dialect, is_of
from .engines.table import ENGINES


def _names(measure: str) -> tuple[str, ...]:
    return tuple(name for engine in ENGINES.values() for name in getattr(engine.measures, measure))


RUNNING = _names("running")
WAITING = _names("waiting")
STEPS = _names("steps")
KV_CACHE_USAGE = _names("kv_cache_usage")
PROMPT_TOKENS = _names("prompt_tokens")
GENERATION_TOKENS = _names("generation_tokens")
TIME_TO_FIRST_TOKEN = _names("time_to_first_token")
TIME_PER_OUTPUT_TOKEN = _names("time_per_output_token")
REQUEST_TIME_PER_OUTPUT_TOKEN = _names("request_time_per_output_token")
"""Names of one measure over engines and their versions; the first that a page has is taken. Histograms without their
suffixes."""
CACHE_INFO = _names("cache_info")

PREFIXES = tuple({f"{name.partition(':')[0]}:": None for name in (*RUNNING, *WAITING)})
"""What the lines begin with that are read at all."""


def is_verified(engine: Dialect, version: str) -> bool:
    """Whether an engine of this version, such as ``0.32.0+cpu``, is of a known line."""
    return is_of(version, engine.verified)


def missing(engine: Dialect, page: str) -> tuple[str, ...]:
    """The newest name of each measure of this engine that a metrics page has under none of its names."""
    there = {line.partition("{")[0].partition(" ")[0] for line in page.splitlines() if not line.startswith("#")}
    named = (names for names in vars(engine.measures).values() if names)
    return tuple(names[0] for names in named if not _has(there, names))


def _has(there: set[str], names: Iterable[str]) -> bool:
    return any({name, f"{name}_count"} & there for name in names)
