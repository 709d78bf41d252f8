"""One object from apply to delete, as its user sees it, with each engine."""

import json
import urllib.request
from collections.abc import Iterator

import pytest

from e2e.bench import rest
from e2e.stack import Fleet, Stack, chart, sample
from e2e.stack.fleet import POD_LABEL, condition
from e2e.stack.kubectl import Document
from tests.e2e.scenario import Served, assert_none_failed, load_on

CHILDREN = "deployments,replicasets,jobs,pods,services,configmaps,controllerrevisions,poddisruptionbudgets"


VLLM_ALONE = pytest.mark.parametrize("served", ["VLLM"], indirect=True)
PRECISION = {"VLLM": "not quantized", "LlamaCpp": "gguf, F32"}


@pytest.fixture(scope="module")
def scaled_fleet(stack: Stack, served: Served) -> Iterator[Fleet]:
    fleet = served.fleet(stack, "tiny")
    fleet.delete()
    fleet.apply(served.sample(fleet))
    yield fleet
    fleet.delete(wait=False)


@pytest.fixture
def tiny(scaled_fleet: Fleet) -> Fleet:
    """The sample at its smallest size, whatever ran before."""
    scaled_fleet.until_settled()
    scaled_fleet.until_ready_replicas(1)
    return scaled_fleet


def ask(fleet: Fleet, path: str, body: Document | None = None) -> Document:
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(fleet.url() + path, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        answer: Document = json.load(response)
    return answer


@pytest.mark.proves("R01")
def test_an_applied_object_becomes_ready_and_its_service_answers(tiny: Fleet, served: Served) -> None:
    seen = tiny.get()
    assert [condition(seen, kind)["status"] for kind in ("Ready", "Available", "Reconciling", "Stalled")] == [
        "True",
        "True",
        "False",
        "False",
    ]
    assert seen["status"]["endpoint"] == f"http://{tiny.name}.default.svc:8000/v1"
    assert seen["status"]["readySummary"] == "1/1"
    assert condition(seen, "EngineVerified")["status"] == "True"
    assert seen["status"]["resolved"]["quantization"] == PRECISION[served.engine]
    (start, *_) = seen["status"]["startup"]["recent"]
    assert start["seconds"] >= start["phases"]["load"] >= (served.engine == "VLLM")
    assert [model["id"] for model in ask(tiny, "/v1/models")["data"]] == [tiny.name]
    question = {"model": tiny.name, "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 5}
    answer = ask(tiny, "/v1/chat/completions", question)
    assert answer["usage"]["completion_tokens"] == 5


def test_load_scales_out_and_quiet_scales_in_and_no_request_fails(tiny: Fleet) -> None:
    with load_on(tiny, clients=24, max_tokens=128) as load:
        grown = tiny.until_ready_replicas(3, seconds=240)
        report = load.stop()
    assert_none_failed(report)
    with load_on(tiny, rate=1.0, max_tokens=16) as load:
        shrunk = tiny.until_ready_replicas(1, seconds=240)
        report = load.stop()
    assert_none_failed(report)
    sizes = [(entry["from"], entry["to"]) for entry in shrunk["status"]["autoscaling"]["history"]]
    assert any(before < after == 3 for before, after in sizes)
    assert sizes[-1][1] == 1
    assert all(entry["reason"] and entry["message"] for entry in grown["status"]["autoscaling"]["history"])


@pytest.mark.parametrize("served", ["LlamaCpp"], indirect=True)
def test_what_the_engine_cannot_do_is_refused_and_the_fleet_serves_on(tiny: Fleet) -> None:
    answer = tiny.refusal(lora={"maxAdapters": 2})
    assert "lora does not go with engine.type LlamaCpp: it cannot load adapters while it runs" in answer
    assert tiny.get()["status"]["readyReplicas"] == 1


@VLLM_ALONE
@pytest.mark.proves("R02", "R46")
def test_at_rest_the_operator_writes_nothing_and_never_touches_the_object(tiny: Fleet, stack: Stack) -> None:
    position = rest.wait_for_quiet(stack)
    assert tiny.get()["status"]["readyReplicas"] == 1
    assert [str(write) for write in stack.audit.writes(position, chart.OPERATOR_USER)] == []
    ever = stack.audit.writes(0, chart.OPERATOR_USER)
    assert ever != []
    assert [str(write) for write in rest.object_patches(ever)] == []
    assert rest.operator_memory(stack) < rest.MOST_BYTES


@pytest.mark.proves("R15")
def test_deleting_the_object_leaves_nothing_behind(stack: Stack) -> None:
    fleet = stack.fleet("brief")
    fleet.apply(sample("brief", autoscaling=None, replicas=2))
    fleet.until(lambda seen: seen.get("status", {}).get("replicas", 0) > 0, "its children")
    owned = stack.kubectl.run("get", CHILDREN, "--selector", f"{POD_LABEL}=brief", "-o", "name")
    assert {name.split("/")[0] for name in owned.split()} >= {"pod", "service", "configmap", "deployment.apps"}
    fleet.delete()
    stack.kubectl.run("wait", CHILDREN, "--selector", f"{POD_LABEL}=brief", "--for=delete", "--timeout=60s")
    assert stack.kubectl.run("get", CHILDREN, "--selector", f"{POD_LABEL}=brief", "-o", "name") == ""
