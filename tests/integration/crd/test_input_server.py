"""Bad input that no case file can hold: several errors at once, bytes that are no clean JSON, and sheer size."""

import json
import time
from typing import Any

import pytest

from llmfleet_runtime.contract import ALLOWED_ARGUMENTS
from tests.integration.crd.casefile import smallest
from tests.integration.crd.server import Server

pytestmark = pytest.mark.cluster
LARGE_BYTES = 1_400_000


def document(**spec: Any) -> dict[str, Any]:
    return smallest() | {"spec": {"model": {"uri": "hf://org/name"}, **spec}}


@pytest.mark.proves("R33")
def test_all_errors_of_the_shape_are_told_at_once(server: Server) -> None:
    status, answer = server.create(
        document(replicas=-1, engine={"dtype": "float17", "image": "A"}, lifecycle={"drainTimeoutSeconds": 10**9})
    )
    assert status == 422
    causes = {each["field"]: each["message"] for each in answer["details"]["causes"]}
    assert causes.keys() >= {
        "spec.replicas", "spec.engine.dtype", "spec.engine.image", "spec.lifecycle.drainTimeoutSeconds"
    }  # fmt: skip
    assert "Float16" in causes["spec.engine.dtype"]
    assert "3600" in causes["spec.lifecycle.drainTimeoutSeconds"]


@pytest.mark.proves("R33")
def test_all_broken_rules_are_told_at_once(server: Server) -> None:
    broken = {
        "model": {"uri": "ftp://host/key", "credentials": {"secretName": "a"}, "cache": {"type": "Ephemeral"}},
        "resources": {"requests": {"memory": 16}},
        "access": {"from": [{}]},
    }
    status, answer = server.create(document(**broken))
    assert status == 422
    assert {each["field"] for each in answer["details"]["causes"]} >= {
        "spec.model", "spec.model.uri", "spec.model.cache", "spec.resources.requests.memory", "spec.access.from[0]"
    }  # fmt: skip


@pytest.mark.proves("S1")
def test_a_misspelt_field_is_at_least_warned_of_where_strictness_is_off(server: Server) -> None:
    status, stored, warnings = server.create_text(json.dumps(document(replica=3)), validation="Warn")
    assert (status, "replica" in stored["spec"]) == (201, False)
    assert 'unknown field \\"spec.replica\\"' in warnings


@pytest.mark.proves("S46")
def test_a_key_that_stands_twice_is_refused(server: Server) -> None:
    text = json.dumps(document(replicas=3)).replace('"replicas": 3', '"replicas": 3, "replicas": 5')
    status, answer, _ = server.create_text(text)
    assert status == 400
    assert 'duplicate field "spec.replicas"' in answer["message"]


@pytest.mark.proves("S5")
@pytest.mark.parametrize("number", ["3.5", '"3"', "3e0", "1e400"])
def test_replicas_that_are_no_whole_number_are_refused(server: Server, number: str) -> None:
    text = json.dumps(document(replicas=0)).replace('"replicas": 0', f'"replicas": {number}')
    status, answer, _ = server.create_text(text)
    assert status in (400, 422), answer


@pytest.mark.proves("S6")
def test_a_null_counts_as_unset(server: Server) -> None:
    autoscaling = {"maxReplicas": 4, "targets": {"queueDepth": 4}}
    status, stored = server.create(document(replicas=None, autoscaling=autoscaling, access=None, engine=None))
    assert status == 201
    assert stored["spec"] == {"model": {"uri": "hf://org/name"}, "autoscaling": autoscaling}


def largest() -> str:
    """An object of 1.4 million bytes, every field as long as the schema lets it be."""
    long = {"gpu-memory-utilization": f".{'9' * 4095}"}
    wide = {f"a{number}": "v" * 4096 for number in range(32)}
    engine = {
        "args": [{"name": name, "value": long.get(name, "é" * 4096)} for name in ALLOWED_ARGUMENTS[-64:]],
        "env": [{"name": f"A{number}", "value": "é" * 4096} for number in range(64)],
    }
    made = document(engine=engine, pod={"annotations": wide}, service={"annotations": wide})
    missing = LARGE_BYTES - len(json.dumps(made, ensure_ascii=False).encode())
    made["metadata"]["annotations"] = {"a": "v" * missing}
    return json.dumps(made, ensure_ascii=False)


@pytest.mark.proves("R78")
def test_the_largest_object_is_judged_within_seconds(server: Server) -> None:
    text = largest()
    begin = time.monotonic()
    status, answer, _ = server.create_text(text)
    assert status == 201, answer
    assert time.monotonic() - begin < 5
