"""The real engine fails in the ways that users bring about; its own last words become the right cause."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from llmfleet.api.conditions import Reason
from llmfleet.core.remedy import remedy
from llmfleet.core.trouble import Trouble, of_crash

Change = Callable[[Path], None]


def configured(**members: object) -> Change:
    """Members of the model's config.json."""

    def change(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **members}))

    return change


def without(name: str) -> Change:
    return lambda folder: (folder / name).unlink()


@pytest.fixture
def fail(start, model, tmp_path):
    """Run the engine on a changed copy of the model until it gives up; the trouble as the operator reads it."""

    def run(change: Change, **members: object) -> Trouble:
        folder = tmp_path / "model"
        shutil.copytree(model, folder)
        change(folder)
        pod = start(**{"model": str(folder), **members})
        code = pod.wait(120)
        message = (tmp_path / "farewell").read_text()
        return of_crash({"exitCode": code, "reason": "Error", "message": message}, restarts=2)

    return run


def nothing(folder: Path) -> None:
    """The model is fine."""


pytestmark = pytest.mark.soak

CASES = [
    pytest.param(nothing, {"model": "/models/nowhere"}, Reason.MODEL_NOT_FOUND, "model.uri", id="no folder"),
    pytest.param(without("model.safetensors"), {}, Reason.MODEL_NOT_FOUND, "model.uri", id="no weights"),
    pytest.param(
        configured(model_type="foo"), {}, Reason.UNSUPPORTED_MODEL, "engine.image", id="unknown kind of model"
    ),
    pytest.param(
        configured(quantization_config={"quant_method": "foo"}),
        {},
        Reason.QUANTIZATION_UNSUPPORTED,
        "quantized otherwise",
        id="unknown method",
    ),
    pytest.param(
        configured(architectures=["LlamaForSequenceClassification"]),
        {"task": "Generate"},
        Reason.UNSUPPORTED_MODEL,
        "model.task",
        id="another task",
    ),
    pytest.param(
        nothing,
        {"maxModelLen": 10**6},
        Reason.BAD_ENGINE_CONFIG,
        "engine.maxModelLen to 8192",
        id="longer than the model",
    ),
    pytest.param(
        nothing,
        {"maxModelLen": 8192, "args": [{"name": "num-gpu-blocks-override", "value": "2"}]},
        Reason.OUT_OF_GPU_MEMORY,
        "engine.maxModelLen to",
        id="no room for the cache",
    ),
    pytest.param(
        nothing, {"tensorParallel": 3}, Reason.TENSOR_PARALLEL_MISMATCH, "over 1, 2, 4 GPUs", id="3 devices for 4 heads"
    ),
    pytest.param(
        configured(quantization_config={"quant_method": "awq", "bits": 4}),
        {"quantization": {"method": "FP8"}},
        Reason.QUANTIZATION_MISMATCH,
        "quantization.method to AWQ",
        id="other weights than asked for",
    ),
    pytest.param(nothing, {"startupTimeoutSeconds": 1}, Reason.STARTUP_TIMED_OUT, "startupTimeout", id="too slow"),
]


@pytest.mark.proves("R43", "F33", "F34", "S14", "S21", "S41")
@pytest.mark.parametrize(("change", "members", "reason", "step"), CASES)
def test_a_failing_start_says_why_and_what_to_do(
    fail, change: Change, members: dict[str, object], reason: Reason, step: str
) -> None:
    trouble = fail(change, **members)
    assert (trouble.reason, trouble.is_terminal) == (reason, True), trouble.message
    assert step in remedy(trouble.reason, trouble.message)
