"""Checkpoints made by real Jobs on a real cluster: one makes it, another waits for it, and real vLLM serves it."""

import json
import urllib.request
from collections.abc import Callable, Iterator

import pytest

from e2e import cluster as clusters
from e2e.cluster import Profile
from e2e.engine.compressor import compressor
from e2e.stack import Fleet, Stack, images, sample, volume
from e2e.stack.fleet import condition
from e2e.stack.kubectl import Document
from tests.e2e.scenario import wait_for_kube_proxy

CACHE = "checkpoints"
PRODUCED = {"method": "GPTQ", "source": "Produced"}
SHARED = {"type": "PersistentVolumeClaim", "persistentVolumeClaim": {"claimName": CACHE}}


@pytest.fixture
def made(stack: Stack) -> Iterator[tuple[Fleet, Fleet]]:
    """Two fleets that ask for the same checkpoint in an empty claim, of which neither is there yet."""
    assert stack.cluster is not None
    environment = compressor()
    clusters.up(Profile.FULL, binds=(environment,))
    assert images.load(stack.cluster, images.build_quantize(environment)) == images.quantize_name()
    fleets = stack.fleet("made"), stack.fleet("shared")
    for fleet in fleets:
        fleet.delete()
    volume.provide_cache(stack.cluster, stack.kubectl, CACHE)
    yield fleets
    for fleet in fleets:
        fleet.delete()


def asked(fleet: Fleet) -> Document:
    return sample(fleet.name, autoscaling=None, replicas=1, model={"cache": SHARED}, quantization=PRODUCED)


def says(words: str) -> Callable[[Document], bool]:
    """Whether a fleet is told to be in the making, in these words."""

    def said(seen: Document) -> bool:
        told = condition(seen, "Reconciling")
        return (told["reason"], words in told["message"]) == ("Quantizing", True)

    return said


def recorded(stack: Stack, fleet: Fleet) -> Document:
    """What a fleet's revision keeps of its checkpoint."""
    name = f"{fleet.name}-{fleet.get()['status']['revision']}"
    found: Document = stack.kubectl.get("controllerrevision", name)["data"]["model"]
    return found


def test_a_job_makes_what_the_pods_serve_and_another_waits_for_it(stack: Stack, made: tuple[Fleet, Fleet]) -> None:
    first, second = made
    first.apply(asked(first))
    first.until(says("the checkpoint is being made: "), "its checkpoint in the making", 60)
    second.apply(asked(second))
    second.until(says("another run makes it, and is waited for"), "the second in wait", 60)
    ready = first.until_settled(240)
    assert ready["status"]["resolved"]["quantization"].endswith("INT4 group weight-only")
    wait_for_kube_proxy(first)
    body = json.dumps({"model": first.name, "prompt": "hello", "max_tokens": 5}).encode()
    request = urllib.request.Request(f"{first.url()}/v1/completions", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        assert json.load(response)["usage"]["completion_tokens"] == 5
    second.until(lambda seen: condition(seen, "Reconciling")["reason"] != "Quantizing", "the second's pods", 60)
    assert recorded(stack, first) == recorded(stack, second)
    assert stack.kubectl.listed("jobs", f"llmfleet.io/deployment={first.name}") == []
