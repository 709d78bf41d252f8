"""A checkpoint made by a real Job on a real cluster, once another run has let go of its place; real vLLM serves it."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e import cluster as clusters
from e2e.cluster import Profile
from e2e.engine.compressor import compressor
from e2e.stack import Fleet, Stack, images, sample, volume
from e2e.stack.fleet import condition
from e2e.stack.kubectl import Document
from llmfleet.core.production import order
from llmfleet_runtime.contract import CACHE_FOLDER
from llmfleet_runtime.quantizing.store import Store
from tests.builders import parsed
from tests.e2e.scenario import wait_for_kube_proxy

CACHE = "checkpoints"
SHARED = {"type": "PersistentVolumeClaim", "persistentVolumeClaim": {"claimName": CACHE}}
PRODUCED = {"method": "GPTQ", "source": "Produced"}


@pytest.fixture
def made(stack: Stack) -> Iterator[Fleet]:
    """A fleet that is not there yet, and an empty claim for its checkpoint."""
    assert stack.cluster is not None
    environment = compressor()
    clusters.up(Profile.FULL, binds=(environment,))
    assert images.load(stack.cluster, images.build_quantize(environment)) == images.quantize_name()
    fleet = stack.fleet("made")
    fleet.delete()
    volume.provide_cache(stack.cluster, stack.kubectl, CACHE)
    yield fleet
    fleet.delete()


def place_of(stack: Stack, fleet: Fleet) -> Path:
    """Where its checkpoint will be made, as the node has it, open to the Job's user."""
    assert stack.cluster is not None
    inside = Path(order(parsed(fleet.get()), None).out).relative_to(CACHE_FOLDER)
    claim = stack.cluster.run_dir / "volumes" / CACHE
    place = claim / inside
    with Store(place).held():
        for path in claim.rglob("*"):
            path.chmod(0o777)
    return place


def is_waiting(seen: Document) -> bool:
    told = condition(seen, "Reconciling")
    return told["reason"] == "Quantizing" and "another run makes it, and is waited for" in told["message"]


def test_a_job_waits_for_another_run_and_makes_the_checkpoint_that_the_pods_serve(stack: Stack, made: Fleet) -> None:
    asked = sample(made.name, autoscaling=None, replicas=1, model={"cache": SHARED}, quantization=PRODUCED)
    made.apply(asked)
    place = place_of(stack, made)
    with Store(place).held():
        # It begins once another Job has read the model, which takes seconds.
        waiting = made.until(is_waiting, "told to wait for another run", 90)
        assert made.pods() == []
        assert condition(waiting, "Stalled")["status"] == "False"
    ready = made.until_settled(240)
    assert ready["status"]["resolved"]["quantization"].endswith("INT4 group weight-only")
    assert (place / "gptq" / "config.json").is_file()
    wait_for_kube_proxy(made)
    body = json.dumps({"model": made.name, "prompt": "hello", "max_tokens": 5}).encode()
    request = urllib.request.Request(f"{made.url()}/v1/completions", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        assert json.load(response)["usage"]["completion_tokens"] == 5
    assert stack.kubectl.listed("jobs", f"llmfleet.io/deployment={made.name}") == []
