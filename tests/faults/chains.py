"""Random chains of edits and faults: drawn from a seed, and made shorter while they still fail."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.faults.flows import UNPLACED
from tests.faults.rules import WRITES, Delay, Drop, Error, Fault, Hold, Refuse, Silence, on

LONGEST = 16


@dataclass(frozen=True)
class Edit:
    """The user changes the spec."""

    spec: dict[str, Any]


@dataclass(frozen=True)
class Misedit:
    """The user tries what the server must refuse, and which then changes nothing."""

    spec: dict[str, Any]


@dataclass(frozen=True)
class Kill:
    """The operator is killed at its next write but ``skip``, if there is one before the next kill."""

    skip: int
    forwarded: bool


@dataclass(frozen=True)
class Disturb:
    """A fault stands from now on."""

    fault: Fault


@dataclass(frozen=True)
class Relive:
    """What the operator lists, or where its watches begin, is for a while as it was before the last edit."""

    verb: str


@dataclass(frozen=True)
class Calm:
    """All faults fall."""


@dataclass(frozen=True)
class Wait:
    """Time passes."""

    seconds: float


@dataclass(frozen=True)
class Remove:
    """Somebody deletes a child by hand."""

    kind: str


@dataclass(frozen=True)
class Rebirth:
    """The user deletes the object and makes it anew, under its name and with its spec."""


Step = Edit | Misedit | Kill | Disturb | Relive | Calm | Wait | Remove | Rebirth
Chain = tuple[Step, ...]

IMPOSSIBLE: dict[str, Any] = {"quantization": {"method": "FP8"}, "accelerator": {"products": ["Tesla-V100-SXM2-32GB"]}}
"""The server takes it, and the operator refuses it: no pod could serve it."""
MENDED: dict[str, Any] = {
    "paused": None,
    "pod": None,
    "quantization": None,
    "accelerator": None,
    "autoscaling": None,
}
"""Takes back what keeps a fleet from becoming Ready, and the size that depends on what was before."""
AUTOSCALED: dict[str, Any] = {"autoscaling": {"minReplicas": 2, "maxReplicas": 4, "targets": {"queueDepth": 4}}}
"""The pods tell no load, so that the size at hand stays, at least the minimum."""
WHEN_IDLE: dict[str, Any] = {"rollout": {"type": "WhenIdle", "whenIdle": {"idleSeconds": 60, "timeoutSeconds": 3}}}
EDITS: tuple[dict[str, Any], ...] = (
    # The server refuses another size while the autoscaler has it.
    *({"replicas": size, "autoscaling": None} for size in (1, 2, 3)),
    AUTOSCALED,
    {"model": {"uri": "file:///models/other"}},
    {"model": {"uri": "file:///models/tiny"}},
    {"engine": {"maxModelLen": 512}},
    {"engine": {"maxModelLen": 1024}},
    {"engine": None},
    {"lifecycle": {"drainTimeoutSeconds": 5}},
    {"lifecycle": {"drainTimeoutSeconds": 20}},
    {"service": {"port": 8080}},
    {"service": None},
    {"access": {"from": []}},
    {"access": None},
    {"disruption": {"maxUnavailable": 2}},
    {"disruption": None},
    {"rollout": {"type": "InPlace", "whenIdle": None}},
    {"rollout": {"type": "Surge", "whenIdle": None}},
    WHEN_IDLE,
    {"rollout": {"restartTime": "2026-11-21T12:00:00Z"}},
    {"rollout": None},
    {"pod": UNPLACED},
    {"paused": True},
    IMPOSSIBLE,
    MENDED,
)
MISEDITS: tuple[dict[str, Any], ...] = (
    {"replicas": -1},
    {"engine": {"maxModelLen": "long"}},
    {"model": {"uri": "ftp://host/key"}},
    {"service": {"port": 0}},
    {"lifecycle": {"drainTimeoutSeconds": 3601}},
    {"resources": {"requests": {"memory": 16}}},
    {"autoscaling": {"minReplicas": 5, "maxReplicas": 2, "targets": {"queueDepth": 4}}},
)
FAULTS: tuple[Fault, ...] = (
    *(Fault(WRITES, Refuse(code), times=2) for code in (403, 409, 422, 500, 503)),
    Fault(WRITES, Refuse(429, retry_after=1), times=3),
    Fault(on(["list"]), Refuse(503), times=4),
    Fault(WRITES, Drop(forwarded=True), times=2),
    Fault(WRITES, Drop(forwarded=False), times=2),
    Fault(WRITES, Delay(0.7), times=6),
    Fault(on("watch"), Hold(only_last=True)),
    Fault(on("watch"), Hold(only_last=False)),
    Fault(on("watch"), Error(410), times=8),
    Fault(on("watch"), Error(500), times=8),
    Fault(on("watch"), Silence(), times=8),
)
RELIVED = ("list", "watch")
REMOVED = ("service", "configmap", "poddisruptionbudget", "deployment", "pod")


OF_EVERY_KIND: Chain = (
    Edit({"replicas": 1}),
    Wait(3.0),
    Edit({"service": {"port": 8080}}),
    Misedit({"replicas": -1}),
    Relive("list"),
    Kill(0, forwarded=False),
    Edit({"engine": {"maxModelLen": 512}}),
    Wait(3.0),
    Edit(AUTOSCALED),
    Edit(WHEN_IDLE),
    Edit({"model": {"uri": "file:///models/other"}}),
    Wait(1.0),
    Remove("configmap"),
    Disturb(Fault(on("watch"), Error(410), times=8)),
    Rebirth(),
    Edit({"replicas": 3, "autoscaling": None, "rollout": {"type": "Surge", "whenIdle": None}}),
    Edit(IMPOSSIBLE),
    Wait(1.0),
    Calm(),
    Disturb(Fault(WRITES, Refuse(500), times=2)),
    Edit({"quantization": None, "accelerator": None}),
    Wait(3.0),
)
"""Drawn by nobody: every kind of step, and the edits whose way is longest."""


def draw(rng: random.Random) -> Chain:
    """One chain."""
    kinds: tuple[Callable[[], Step], ...] = (
        lambda: Edit(rng.choice(EDITS)),
        lambda: Misedit(rng.choice(MISEDITS)),
        lambda: Kill(rng.randrange(6), rng.random() < 0.5),
        lambda: Disturb(rng.choice(FAULTS)),
        lambda: Relive(rng.choice(RELIVED)),
        Calm,
        lambda: Wait(rng.choice((0.2, 1.0, 3.0))),
        lambda: Remove(rng.choice(REMOVED)),
        Rebirth,
    )
    weights = (6, 2, 3, 4, 2, 1, 4, 1, 1)
    return tuple(step() for step in rng.choices(kinds, weights, k=rng.randint(2, LONGEST)))


def failure(run: Callable[[Chain], None], chain: Chain) -> str:
    """What a chain fails with, be it an oracle's word, the cluster's or the time's; empty when it holds."""
    try:
        run(chain)
    except Exception as error:  # noqa: BLE001 because whatever ends a chain is what it fails with
        return f"{type(error).__name__}: {error}"
    return ""


def shortest(fails: Callable[[Chain], bool], chain: Chain) -> Chain:
    """The chain without steps that the failure does not need: no one step more can be left out."""
    index, kept = 0, 0
    while kept < len(chain):
        shorter = chain[:index] + chain[index + 1 :]
        if fails(shorter):
            chain, kept = shorter, 0
        else:
            index, kept = index + 1, kept + 1
        index %= max(1, len(chain))
    return chain
