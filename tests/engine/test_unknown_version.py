"""A real engine that says of itself that it is of a version which nobody tried."""

import pytest

from llmfleet_runtime.contract import RuntimeStatus
from tests.engine.conftest import READY_SECONDS
from tests.engine.test_serving import post
from tests.unit.runtime.launched import launch

VERSION = "0.99.1+cpu"


@pytest.fixture
def pod(python, model, tmp_path):
    """Found on the path before what is installed there."""
    told = tmp_path / "later" / f"vllm-{VERSION}.dist-info"
    told.mkdir(parents=True)
    (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {VERSION}\n")
    pod = launch(tmp_path, {"model": str(model)}, path=(told.parent,), python=python)
    yield pod
    pod.destroy()


def test_an_engine_of_an_unknown_version_serves_and_is_warned_of(pod):
    pod.until_ready(READY_SECONDS)
    status = RuntimeStatus.model_validate_json(pod.get("/status")[1])
    assert status.engine_version == VERSION
    assert [(each.reason, each.message) for each in status.warnings] == [
        (
            "EngineVersionUnknown",
            f"vLLM {VERSION} was never tried with this runtime, only 0.32; it runs as those would",
        )
    ]
    assert post(pod, "/v1/completions", {"model": "tiny", "prompt": "hello", "max_tokens": 4})["choices"][0]["text"]
