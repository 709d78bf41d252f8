"""A model from an object store, on a real cluster: down at first, then there, then looked for in the wrong place."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.engine import servers, tiny_model
from e2e.engine.install import engine_folder
from e2e.stack import Fleet, Stack, sample
from e2e.stack.fleet import condition
from e2e.stack.kubectl import Document
from llmfleet_runtime.contract import ModelFacts
from llmfleet_runtime.inspection.__main__ import facts_of
from tests.engine.sourced import KEYS, s3_server
from tests.unit.runtime.launched import free_port

SECRET, MODEL = "store", "s3://models/models/tiny"


@pytest.fixture
def stored(stack: Stack) -> Iterator[Fleet]:
    fleet = stack.fleet("stored")
    fleet.delete()
    yield fleet
    fleet.delete()
    stack.kubectl.run("delete", "secret", SECRET, "--ignore-not-found")


def node_address(stack: Stack) -> str:
    (node,) = stack.kubectl.listed("nodes")
    return next(str(each["address"]) for each in node["status"]["addresses"] if each["type"] == "InternalIP")


def secret(endpoint: str) -> Document:
    data = {**KEYS, "AWS_ENDPOINT_URL": endpoint}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": SECRET}, "stringData": data}


def is_waiting_for_its_source(seen: Document) -> bool:
    return condition(seen, "Reconciling")["reason"] == "ModelDownloadFailed" and "retryTime" in download(seen)


def download(seen: Document) -> Document:
    found: Document = seen.get("status", {}).get("download") or {}
    return found


def is_refused(seen: Document) -> bool:
    return condition(seen, "Stalled")["reason"] == "ModelNotFound"


def inspected(stack: Stack) -> Document | None:
    """What the newest revision keeps of its model."""
    revisions = stack.kubectl.listed("controllerrevisions", "llmfleet.io/deployment=stored")
    found: Document | None = max(revisions, key=lambda each: int(each["revision"]))["data"].get("model")
    return found


@pytest.mark.proves("F44")
def test_a_store_that_is_down_is_said_and_once_it_is_there_the_fleet_serves(
    stack: Stack, stored: Fleet, tmp_path: Path
) -> None:
    host, port, model = node_address(stack), free_port(), tiny_model(tmp_path / "tiny")
    stack.kubectl.apply(secret(f"http://{host}:{port}"))
    told = {"uri": MODEL, "credentials": {"secretName": SECRET}}
    stored.apply(sample("stored", autoscaling=None, replicas=1, model=told))
    waiting = stored.until(is_waiting_for_its_source, "waits for its source", 90)
    assert condition(waiting, "Stalled")["status"] == "False"
    with s3_server(str(engine_folder() / "venv" / "bin" / "python"), servers(), host, port) as store:
        store.put("models", model)
        ready = stored.until_settled(180)
        assert "download" not in ready["status"]
        stored.patch(model={"uri": "s3://models/models/none"})
        refused = stored.until(is_refused, "refused by the inspection of its model", 60)
        assert refused["status"]["readyReplicas"] == len(stored.pods()) == 1
        stored.patch(model={"uri": MODEL}, engine={"maxConcurrency": 3})
        stored.until(lambda _: inspected(stack) is not None, "a revision with the facts of its model", 60)
    kept = inspected(stack) or {}
    assert ModelFacts.model_validate(kept["facts"]) == facts_of(model)
    assert kept["commit"] == ready["status"]["resolved"]["commit"]
