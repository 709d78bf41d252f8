"""Every leaf of the schema has an effect: two legal values make two different plans, manifests or statuses.

The names of revisions are masked: that a value enters the revision's hash is no effect by itself.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from llmfleet.api.schema import fields
from llmfleet.core.fleet import plan
from llmfleet.core.judge import judge
from llmfleet.core.plan import Outcomes
from llmfleet.core.status import derive
from llmfleet.reference import root_schema
from tests.builders import (
    DEFAULTS,
    NOW,
    Raw,
    children,
    deployment,
    look,
    merged,
    pod,
    ready,
    report,
    revision,
    with_spec,
)

SCHEMA = root_schema()
SPEC = SCHEMA["properties"]["spec"]

ELSEWHERE = {
    **dict.fromkeys(
        (
            "autoscaling.metricsSourceName",
            "autoscaling.scaleToZeroAfterSeconds",
            "autoscaling.schedules[].name",
            "autoscaling.targets.kvCacheUtilizationPercent",
            "autoscaling.targets.queueDepth",
            "autoscaling.targets.timePerOutputToken.milliseconds",
            "autoscaling.targets.timePerOutputToken.percentile",
            "autoscaling.targets.timeToFirstToken.milliseconds",
            "autoscaling.targets.timeToFirstToken.percentile",
        ),
        "the autoscaler's decision",
    ),
    "rollout.progressDeadlineSeconds": "when a revision is given up",
    "rollout.restartTime": "makes a revision of its own, in which nothing else differs",
    "rollout.revisionHistoryLimit": "which earlier revisions are pruned",
    "rollout.rollback": "what follows when a revision is given up",
}
"""Leaves that neither a new fleet nor one being rolled shows, and where they act."""

GIVEN: dict[str, Raw] = {
    "autoscaling": {"autoscaling": {"maxReplicas": 9, "targets": {"queueDepth": 4}}},
    "autoscaling.mode": {"replicas": 5},
    "autoscaling.scaleToZeroAfterSeconds": {"autoscaling": {"minReplicas": 0}},
    "autoscaling.targets.timePerOutputToken": {
        "autoscaling": {"targets": {"timePerOutputToken": {"milliseconds": 100}}}
    },
    "autoscaling.targets.timeToFirstToken": {"autoscaling": {"targets": {"timeToFirstToken": {"milliseconds": 2000}}}},
    "model.cache.persistentVolumeClaim": {"model": {"cache": {"type": "PersistentVolumeClaim"}}},
    "model.cache.ephemeral": {"model": {"cache": {"type": "Ephemeral", "ephemeral": {"size": "5Gi"}}}},
    "model.cache.hostPath": {"model": {"cache": {"type": "HostPath"}}},
    "model.sha256": {"model": {"uri": "https://host/tiny.tar"}},
    "lora.maxAdapters": {"lora": {"maxPerBatch": 1}},
    "disruption": {"replicas": 5},
    "quantization.source": {"quantization": {"method": "FP8"}},
    "engine.chatTemplate.configMapName": {"engine": {"chatTemplate": {"key": "llama.jinja"}}},
    "engine.chatTemplate.key": {"engine": {"chatTemplate": {"configMapName": "templates"}}},
    "rollout.whenIdle": {"rollout": {"type": "WhenIdle"}},
    "rollout.surge.maxSurge": {"rollout": {"type": "Surge"}},
    "rollout.surge.maxUnavailable": {"rollout": {"type": "Surge", "surge": {"maxSurge": 0}}},
}
"""What a leaf needs around it, by the beginning of its path."""

UNIONS: dict[str, list[Raw]] = {
    "model.cache.type": [{"type": "EmptyDir"}, {"type": "Ephemeral", "ephemeral": {"size": "5Gi"}}],
}
"""The type of a union changes with its member only."""

BESIDE: dict[str, Raw] = {
    "engine.args[]": {"name": "seed", "value": "1"},
    "engine.env[]": {"name": "A", "value": "x"},
    "pod.tolerations[]": {"key": "gpu"},
    "autoscaling.schedules[]": {"name": "it", "start": "59 11 * * *", "durationSeconds": 61, "minReplicas": 2},
    "lora.adapters[]": {"name": "sql", "uri": "hf://org/sql"},
}
"""What an entry of a list needs beside the leaf."""

TEXTS = (
    "alpha", "beta", "example.org/alpha", "example.org/beta", "hf://org/alpha", "hf://org/beta", "seed", "watermark",
    "2026-11-21T12:00:00Z", "2026-11-21T13:00:00Z", "/mnt/alpha", "/mnt/beta", "a" * 64, "b" * 64,
    "59 11 * * *", "0 3 * * *",
)  # fmt: skip
AMOUNTS = ("1Gi", "2Gi")


def leaves() -> list[str]:
    return [path for path, each in fields(SPEC) if "properties" not in (each.get("items") or each)]


def values(schema: dict[str, Any]) -> Iterator[Any]:
    """Some values of the right type; those that a rule refuses are left out by whoever asks."""
    if "enum" in schema:
        yield from schema["enum"]
    elif "items" in schema:
        yield from ([each] for each in values(schema["items"]))
    elif "additionalProperties" in schema:
        yield from ({"team": each} for each in values(schema["additionalProperties"]))
    elif schema.get("x-kubernetes-int-or-string"):
        yield from AMOUNTS
    elif schema["type"] == "integer":
        yield from (schema["minimum"], schema["minimum"] + 1, schema["minimum"] + 2)
    else:
        yield from (False, True) if schema["type"] == "boolean" else TEXTS


def placed(path: str, value: Any) -> Raw:
    """A spec with the value at the path, and around it what it needs."""
    spec: Raw = {}
    for prefix, given in GIVEN.items():
        spec = merged(spec, given) if path.startswith(prefix) else spec
    steps = path.split(".")
    for step in reversed(range(len(steps))):
        here = ".".join(steps[: step + 1])
        if here.endswith("[]"):
            value = [BESIDE.get(here, {}) | value] if isinstance(value, dict) else [value]
        value = {steps[step].removesuffix("[]"): value}
    return dict(merged(spec, value))


@cache
def forerunner() -> tuple[list[Raw], list[Raw]]:
    """The children and the three ready pods of the spec before."""
    old = deployment(with_spec(model={"uri": "hf://org/forerunner"}, replicas=3))
    of = revision(old)
    return children(old, 3), [pod(of, ready(), name=f"qwen-{of}-{number}") for number in range(3)]


def seen(raw: Raw) -> str:
    """All that is planned and said of a new fleet, and of one whose three old pods are being replaced."""
    made, pods = forerunner()
    reports = {each["metadata"]["uid"]: report() for each in pods}
    worlds = (look(raw), look(merged({"spec": {"replicas": 3}}, raw), made, pods, reports))
    plans = [(world, plan(world, DEFAULTS, NOW)) for world in worlds]
    text = repr([(found, derive(world, found, Outcomes(), NOW)) for world, found in plans])
    return re.sub(r"('llmfleet.io/intent': )'[0-9a-f]{16}'", r"\1''", text.replace(revision(raw), "-"))


def legal(path: str) -> Iterator[Raw]:
    """Objects that differ in this leaf only and that the API server would take."""
    if path in UNIONS:
        specs = [placed(path.rpartition(".")[0], union) for union in UNIONS[path]]
    else:
        specs = [placed(path, value) for value in values(dict(fields(SPEC))[path])]
    for spec in specs:
        raw = deployment(with_spec(**spec))
        if not judge(SCHEMA, raw):
            yield raw


def differs(path: str) -> bool:
    objects = legal(path)
    first = seen(next(objects))
    return any(seen(raw) != first for raw in objects)


@pytest.mark.proves("R03")
@pytest.mark.parametrize("path", [path for path in leaves() if path not in ELSEWHERE])
def test_two_values_of_a_leaf_can_be_told_apart(path: str) -> None:
    assert differs(path)


@pytest.mark.proves("R03")
@pytest.mark.parametrize("path", sorted(ELSEWHERE))
def test_a_leaf_that_acts_elsewhere_is_listed_for_a_reason(path: str) -> None:
    assert path in leaves()
    assert not differs(path)
