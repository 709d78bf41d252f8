"""A model from an object store, on a real cluster: down at first, then there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.engine import servers, tiny_model
from e2e.engine.install import engine_folder
from e2e.stack import Fleet, Stack, sample
from e2e.stack.fleet import condition
from e2e.stack.kubectl import Document
from tests.engine.sourced import KEYS, s3_server
from tests.unit.runtime.launched import free_port

SECRET = "store"


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


@pytest.mark.proves("F44")
def test_a_store_that_is_down_is_said_and_once_it_is_there_the_fleet_serves(
    stack: Stack, stored: Fleet, tmp_path: Path
) -> None:
    host, port = node_address(stack), free_port()
    stack.kubectl.apply(secret(f"http://{host}:{port}"))
    model = {"uri": "s3://models/models/tiny", "credentials": {"secretName": SECRET}}
    stored.apply(sample("stored", autoscaling=None, replicas=1, model=model))
    waiting = stored.until(is_waiting_for_its_source, "waits for its source", 90)
    assert condition(waiting, "Stalled")["status"] == "False"
    with s3_server(str(engine_folder() / "venv" / "bin" / "python"), servers(), host, port) as store:
        store.put("models", tiny_model(tmp_path / "tiny"))
        ready = stored.until_settled(180)
    assert len(ready["status"]["resolved"]["commit"]) == 40
    assert "download" not in ready["status"]
