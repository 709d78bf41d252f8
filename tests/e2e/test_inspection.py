"""A real Job reads the real model before its pods are made, and the engine then has the cache that was foretold."""

import json
from collections.abc import Iterator

import pytest

from e2e.engine import tiny_model
from e2e.stack import Fleet, Stack, sample
from llmfleet_runtime.contract import ModelFacts
from llmfleet_runtime.inspection.__main__ import facts_of

CPU = {"type": "CPU"}


@pytest.fixture
def measured(stack: Stack) -> Iterator[Fleet]:
    fleet = stack.fleet("measured")
    fleet.delete()
    yield fleet
    fleet.delete()


def test_the_job_gives_the_models_facts_and_the_cache_is_as_foretold(measured: Fleet, stack: Stack, tmp_path) -> None:
    measured.apply(sample("measured", autoscaling=None, replicas=1, accelerator=CPU, engine={"maxModelLen": None}))
    seen = measured.until(lambda raw: "kvTokensMeasured" in raw.get("status", {}).get("fit", {}), "its measured cache")
    name = f"measured-{seen['status']['revision']}"
    kept = stack.kubectl.get("controllerrevision", name)["data"]["model"]
    assert ModelFacts.model_validate(kept["facts"]) == facts_of(tiny_model(tmp_path))
    fit = seen["status"]["fit"]
    assert abs(fit["kvTokensMeasured"] / fit["kvTokensPredicted"] - 1) <= 0.02
    config = json.loads(stack.kubectl.get("configmap", name)["data"]["engine.json"])
    assert seen["status"]["resolved"]["maxModelLen"] == config["maxModelLen"] == kept["facts"]["maxPositions"]
    assert stack.kubectl.listed("jobs", "llmfleet.io/deployment=measured") == []
