"""``llmfleet quantize`` with the real llm-compressor, and real vLLM over what it made."""

import json

import pytest
from click.testing import CliRunner

from e2e.engine.compressor import compressor
from llmfleet.__main__ import main
from llmfleet_runtime.argv import Platform
from llmfleet_runtime.checkpoint import checkpoint
from llmfleet_runtime.contract import EngineConfig, Quantization
from llmfleet_runtime.machine import has_amx
from llmfleet_runtime.quantization import on_the_fly
from tests.engine.hub import COMMIT, hub

CPU = Platform("0.32.0+cpu", is_cpu_build=True, has_amx=has_amx())


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    """Two wait for each other on a machine that does something else as well."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("OMP_NUM_THREADS", "1")
        yield


@pytest.fixture(scope="module")
def asked(python, model, tmp_path_factory):
    out = tmp_path_factory.mktemp("quantized") / "out"
    library = str(compressor() / "bin" / "python3")
    words = ["quantize", str(model), "--out", str(out), "--gpu", "CPU", "--python", library, "-o", "json"]
    return [*words, "--length", "128", "--samples", "8", "--judged", "4", "--engine", python]


@pytest.fixture(scope="module")
def checkpoints(asked):
    """The source, a checkpoint of 8 bits that is made without a text, and one of 4 that is made with it."""
    found = CliRunner().invoke(main, [*asked, "--method", "FP8", "--method", "GPTQ"])
    assert found.exit_code == 0, found.output
    return json.loads(found.stdout)["checkpoints"]


def test_real_vllm_serves_what_was_made_and_answers_nearly_as_the_source(checkpoints):
    source, *made = checkpoints
    assert source["quality"]["by"] == "vLLM 0.32.0+cpu"
    for each in made:
        assert each["quality"]["by"] == "vLLM 0.32.0+cpu"
        assert 0.9 < each["perplexityRatio"] < 1.1
        assert each["quality"]["tokensPerSecond"] > 0
        assert each["sizeRatio"] < 0.8


def test_the_launcher_admits_it_under_the_requirement_that_the_table_names(checkpoints):
    for each in checkpoints[1:]:
        wanted = Quantization(method=each["requirement"], source="Checkpoint")
        config = EngineConfig(model=each["folder"], served_names=("a",), quantization=wanted)
        assert on_the_fly(wanted, checkpoint(config, None), CPU) is None


def test_fewer_bits_take_less_memory(checkpoints):
    source, eight, four = (each["predicted"]["weightBytes"] for each in checkpoints)
    assert source > eight > four


def test_what_is_made_and_judged_is_not_made_or_judged_again(asked, checkpoints):
    again = CliRunner().invoke(main, [*asked, "--method", "FP8", "--method", "GPTQ"])
    assert json.loads(again.stdout)["checkpoints"] == checkpoints
    assert "quantizing" not in again.stderr
    assert "evaluating" not in again.stderr


def test_what_this_engine_would_not_serve_is_refused_in_its_own_words(asked):
    words = [each if each != "CPU" else "B200" for each in asked]
    found = CliRunner().invoke(main, [*words, "--method", "NVFP4"])
    assert found.exit_code == 1
    assert "vLLM's CPU build has no kernel for it" in found.output
    assert "this engine serves FP8, INT8, GPTQ, AWQ" in found.output


@pytest.fixture
def hub_address(model, tmp_path, monkeypatch):
    with hub({"team/tiny": model}) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
        yield address


def of_a_hub(name, asked, tmp_path):
    words = ["quantize", f"hf://{name}", "--out", str(tmp_path / "out"), *asked[4:-2]]
    return CliRunner().invoke(main, [*words, "--method", "FP8", "--revision", COMMIT])


def test_a_model_of_a_hub_is_fetched_and_judged_by_transformers_where_there_is_no_engine(asked, hub_address, tmp_path):
    found = of_a_hub("team/tiny", asked, tmp_path)
    assert found.exit_code == 0, found.output
    source, made = json.loads(found.stdout)["checkpoints"]
    assert source["folder"].startswith(str(tmp_path / "hub"))
    assert made["quality"]["by"].startswith("transformers ")
    assert 0.9 < made["perplexityRatio"] < 1.1
    assert "tokensPerSecond" not in made["quality"]


def test_a_repository_that_is_not_there_is_said_in_the_hubs_words(asked, hub_address, tmp_path):
    found = of_a_hub("team/none", asked, tmp_path)
    assert found.exit_code == 1
    assert "team/none: RepositoryNotFoundError" in found.output
