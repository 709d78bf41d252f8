"""The same life with each engine: from apply over a rollout under load to a pod that leaves."""

import json
import urllib.request
from collections.abc import Iterator

import pytest

from e2e import cluster as clusters
from e2e import engine
from e2e.cluster import Profile
from e2e.stack import Fleet, Stack, images, sample, volume
from e2e.stack.fleet import condition
from e2e.stack.kubectl import Document
from tests.e2e.test_change_under_load import rolled_under_traffic


@pytest.fixture(scope="module")
def llamacpp(stack: Stack) -> Document:
    """What the sample needs to be served by llama.cpp."""
    assert stack.cluster is not None
    environment = engine.llamacpp()
    clusters.up(Profile.FULL, binds=(environment,))
    image = images.load(stack.cluster, images.build_llamacpp(environment))
    own = {"type": "LlamaCpp", "image": image, "maxConcurrency": 4}
    return {"model": {"uri": volume.provide_gguf(stack.cluster)}, "engine": own}


@pytest.fixture(scope="module")
def fleet(stack: Stack, llamacpp: Document) -> Iterator[Fleet]:
    """Two replicas."""
    found = stack.fleet("small")
    found.delete()
    found.apply(sample("small", autoscaling=None, replicas=2, **llamacpp))
    yield found
    found.delete()


@pytest.fixture
def settled(fleet: Fleet) -> Fleet:
    """The fleet with nothing left to do, whatever ran before."""
    fleet.until_settled()
    fleet.until_ready_replicas(2)
    return fleet


def test_a_fleet_becomes_ready_and_its_service_answers(settled: Fleet) -> None:
    seen = settled.get()
    assert seen["status"]["readySummary"] == "2/2"
    assert condition(seen, "EngineVerified")["status"] == "True"
    assert seen["status"]["resolved"]["quantization"] == "gguf, F32"
    body = {"model": "small", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 5}
    data = json.dumps(body).encode()
    request = urllib.request.Request(f"{settled.url()}/v1/chat/completions", data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        assert json.load(response)["usage"]["completion_tokens"] == 5


@pytest.mark.proves("R56", "F38")
def test_an_edit_of_the_engine_rolls_out_and_no_request_fails(settled: Fleet) -> None:
    rolled_under_traffic(settled)
    left = settled.until(lambda seen: len(seen["status"].get("drains", ())) == 2, "the farewells of both")
    assert [drain["aborted"] for drain in left["status"]["drains"]] == [0, 0]


def test_what_the_engine_cannot_do_is_refused_and_the_fleet_serves_on(settled: Fleet) -> None:
    answer = settled.refusal(lora={"maxAdapters": 2})
    assert "lora does not go with engine.type LlamaCpp: it cannot load adapters while it runs" in answer
    assert settled.get()["status"]["readyReplicas"] == 2
