"""Pure: the next step towards serving the adapters that the live document names.

Every version of an adapter is loaded under a name of its own (``Adapter.version``); the guard hands requests for the
public name to the present version. So the next version is loaded beside the last one, no request ever finds neither,
and an answer that has begun ends with the weights it began with. vLLM 0.32 offers no other safe way to replace one:

* ``load_inplace`` changes the weights under running answers, and the flag stays on the name, so that every later step
  of a request for it reads the files again (``vllm/lora/worker_manager.py``, ``add_adapter``);
* unloading and loading one name leaves a gap, and two versions of one name in a batch count as one
  (``LoRARequest.__eq__``), so that the other may have no slot and the engine dies.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from .lora import ADAPTER_MESSAGE_CHARACTERS, Adapter, AdapterReason, AdapterState, AdapterStatus

FIRST_WAIT_SECONDS = 2.0
LONGEST_WAIT_SECONDS = 20.0
SETTLE_SECONDS = 2.0
"""A request that the guard handed to a version has found it in the engine by then."""
NO_PLAIN_TEXT = re.compile("[^ -~]")
"""What would make a status page many times as long as its characters."""


@dataclass(frozen=True)
class Load:
    """Fetch, check and load one version."""

    adapter: Adapter


@dataclass(frozen=True)
class Point:
    """Let the guard hand public names to these versions, and know no others."""

    names: Mapping[str, str]


@dataclass(frozen=True)
class Unload:
    """Let the engine forget a version; its running answers end as they began."""

    version: str


Step = Load | Point | Unload


@dataclass(frozen=True)
class Attempt:
    """Failures of one version in a row, and when it is tried again (seconds of the caller's clock)."""

    failures: int
    due: float
    reason: AdapterReason
    message: str


@dataclass(frozen=True)
class Standing:
    """What is wanted and what is."""

    wanted: tuple[Adapter, ...] = ()
    loaded: frozenset[str] = frozenset()
    """Versions that the engine lists."""
    pointed: Mapping[str, str] = field(default_factory=dict)
    """What the guard knows: versions by public name."""
    attempts: Mapping[str, Attempt] = field(default_factory=dict)
    """By version."""
    commits: Mapping[str, str] = field(default_factory=dict)
    """By version, for those of a hub."""
    settled_at: float = 0.0
    """From when on a version that nothing points to may go."""


def next_step(standing: Standing, now: float) -> Step | None:
    """One step, never two at a time; None while there is nothing to do."""
    names = _names(standing)
    if names != standing.pointed:
        return Point(names)
    missing = [each for each in standing.wanted if each.version not in standing.loaded and _due(standing, each) <= now]
    if missing:
        # One that fails again and again never holds up the others.
        return Load(min(missing, key=lambda each: _failures(standing, each)))
    unused = _unused(standing)
    return Unload(min(unused)) if unused and now >= standing.settled_at else None


def wake_at(standing: Standing) -> float | None:
    """When time alone brings the next step; None when it does not."""
    times = [_due(standing, each) for each in standing.wanted if each.version not in standing.loaded]
    return min([*times, *([standing.settled_at] if _unused(standing) else [])], default=None)


def is_tried(standing: Standing) -> bool:
    """Whether every adapter serves or has failed once."""
    return all(each.name in standing.pointed or each.version in standing.attempts for each in standing.wanted)


def after_failure(
    attempts: Mapping[str, Attempt], version: str, reason: AdapterReason, message: str, now: float
) -> Mapping[str, Attempt]:
    """The attempts with one failure more: 2 s, then twice as long each time, 20 s at most."""
    failures = attempts[version].failures + 1 if version in attempts else 1
    wait = min(FIRST_WAIT_SECONDS * 2 ** min(failures - 1, 8), LONGEST_WAIT_SECONDS)
    return {**attempts, version: Attempt(failures, now + wait, reason, message)}


def report(standing: Standing) -> tuple[AdapterStatus, ...]:
    """How each wanted adapter stands."""
    return tuple(_status(standing, each) for each in standing.wanted)


def _status(standing: Standing, adapter: Adapter) -> AdapterStatus:
    serving, attempt = standing.pointed.get(adapter.name), standing.attempts.get(adapter.version)
    state = AdapterState.FAILED if attempt else AdapterState.LOADING
    if serving == adapter.version and serving in standing.loaded:
        state, attempt = AdapterState.LOADED, None
    return AdapterStatus(
        name=adapter.name,
        key=adapter.key,
        state=state,
        reason=attempt.reason if attempt else None,
        message=NO_PLAIN_TEXT.sub("?", attempt.message)[:ADAPTER_MESSAGE_CHARACTERS] if attempt else "",
        serving=serving.rpartition("@")[2] if serving else None,
        commit=standing.commits.get(adapter.version),
    )


def _names(standing: Standing) -> Mapping[str, str]:
    """The wanted version of each name once it is loaded, the one before as long as it is not."""
    choices = ((each.name, (each.version, standing.pointed.get(each.name))) for each in standing.wanted)
    found = ((name, next((each for each in both if each in standing.loaded), None)) for name, both in choices)
    return {name: version for name, version in found if version}


def _unused(standing: Standing) -> frozenset[str]:
    return standing.loaded - {each.version for each in standing.wanted} - set(standing.pointed.values())


def _due(standing: Standing, adapter: Adapter) -> float:
    attempt = standing.attempts.get(adapter.version)
    return attempt.due if attempt else float("-inf")


def _failures(standing: Standing, adapter: Adapter) -> int:
    attempt = standing.attempts.get(adapter.version)
    return attempt.failures if attempt else 0
