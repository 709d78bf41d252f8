"""The verdicts about quantization against the real engine on the CPU, one by one."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from e2e.engine import plugins, tiny_gguf
from e2e.engine.versions import PLUGINS
from llmfleet.api.conditions import Reason
from llmfleet.core.dictionary import CRASHES, cause
from llmfleet_runtime.argv import BadConfig, Platform
from llmfleet_runtime.inspection.__main__ import facts_of
from llmfleet_runtime.machine import has_amx
from llmfleet_runtime.precision import precision
from llmfleet_runtime.quantization import ON_THE_FLY_CPU, Unsupported, on_the_fly
from llmfleet_runtime.words import last_words

ROOT = Path(__file__).parents[2]
CPU = Platform("0.32.0+cpu", is_cpu_build=True, has_amx=has_amx())

SERVED = ("awq", "gptq", "autoround", "ct_w4a16", "ct_w4a16_asym", "ct_w8a8_int8", "ct_w4a8_int", "ct_fp8")
REFUSED = ("gptq8", "gptq_actorder", "ct_w8a16", "ct_nvfp4", "ct_mxfp4", "ct_mxfp8", "modelopt_nvfp4",
           "modelopt_mxfp8", "mxfp8")  # fmt: skip
REFUSED_WITHOUT_AMX = ("fp8", "fp8_static", "fp8_block", "ct_fp8_block", "modelopt_fp8")
LEFT_TO_THE_ENGINE = ("torchao_int8", "bnb4", "humming")
"""They need a package that an image may have."""
CHECKPOINTS = (*SERVED, *REFUSED, *REFUSED_WITHOUT_AMX, *LEFT_TO_THE_ENGINE)
ONLINE_FAILS = ("mxfp4", "mxfp8")
ONLINE_NEEDS_AMX = ("fp8", "fp8_per_tensor", "fp8_per_block")
NO_EFFECT = ("experts_int8", "gpt_oss_mxfp4", "int8_per_channel_weight_only", "nvfp4_per_token")
CACHES, WRONG_CACHES = ("fp8", "fp8_e5m2"), ("int8_per_token_head", "nvfp4")

NEAR = 0.25
"""Mean distance of log-probabilities from those of the unquantized model that rounding may bring about."""


@pytest.fixture(scope="module")
def folder(python, model, tmp_path_factory):
    """A checkpoint in every format."""
    target = tmp_path_factory.mktemp("quantized")
    command = [python, "-m", "e2e.engine", "quantized", str(model), str(target)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return target


@pytest.fixture(scope="module")
def answers(python, model, folder):
    """What the engine made of everything, by name."""
    base = str(model)
    asked: list[dict[str, Any]] = [{"name": "base", "model": base}]
    asked += [{"name": each, "model": str(folder / each)} for each in CHECKPOINTS]
    online = ("fp8_per_channel", *ONLINE_FAILS, *ONLINE_NEEDS_AMX, *NO_EFFECT, "deepseek_v4_fp8")
    asked += [{"name": f"online {each}", "model": base, "quantization": each} for each in online]
    asked += [{"name": f"cache {each}", "model": base, "kv_cache_dtype": each} for each in (*CACHES, *WRONG_CACHES)]
    asked += [{"name": f"{each} with adapters", "model": str(folder / each), "enable_lora": True} for each in SERVED]
    gguf = str(tiny_gguf(folder / "gguf" / "model.gguf", model))
    asked += [{"name": "gguf", "model": gguf, "tokenizer": base, "hf_config_path": base}]
    asked += [{"name": "plugin", "model": base, "quantization": "bitsandbytes", "plugins": "bitsandbytes"}]
    done = subprocess.run(
        [python, str(Path(__file__).with_name("judge_weights.py"))],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(plugins())},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.rpartition("ANSWER ")[2])


def distance(answers, name):
    """How far from the unquantized model's, on average."""
    assert "error" not in answers[name], answers[name]["error"][-2000:]
    pairs = [*zip(answers["base"]["logprobs"], answers[name]["logprobs"], strict=True)]
    return sum(abs(one - other) for one, other in pairs) / len(pairs)


def admitted(folder, name, *, has_adapters=False):
    """None, or the launcher's refusal of a checkpoint."""
    try:
        on_the_fly(None, precision(facts_of(folder / name).quantization), CPU, has_adapters=has_adapters)
    except BadConfig as refused:
        return refused
    return None


def reason(answers, name):
    """What the operator makes of the engine's last words."""
    found = cause(CRASHES, last_words(answers[name]["error"], 3000))
    return found and found[0]


@pytest.mark.parametrize("name", SERVED)
def test_what_is_admitted_serves_nearly_as_the_unquantized_model(answers, folder, name):
    assert admitted(folder, name) is None
    assert 0 < distance(answers, name) < NEAR


@pytest.mark.proves("S21")
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_does_not_serve_and_the_engine_would_say_the_same(answers, folder, name):
    assert isinstance(admitted(folder, name), Unsupported)
    assert reason(answers, name) == Reason.QUANTIZATION_UNSUPPORTED, answers[name]


@pytest.mark.parametrize("name", REFUSED_WITHOUT_AMX)
def test_what_needs_amx_serves_with_it_only(answers, folder, name):
    if CPU.has_amx:
        test_what_is_admitted_serves_nearly_as_the_unquantized_model(answers, folder, name)
    else:
        test_what_is_refused_does_not_serve_and_the_engine_would_say_the_same(answers, folder, name)


@pytest.mark.parametrize("name", LEFT_TO_THE_ENGINE)
def test_what_depends_on_the_image_is_left_to_the_engine_whose_words_are_known(answers, folder, name):
    assert admitted(folder, name) is None
    assert reason(answers, name) == Reason.QUANTIZATION_UNSUPPORTED, answers[name]


@pytest.mark.parametrize("name", SERVED)
def test_weights_to_which_no_adapter_can_be_added_are_refused_with_adapters_only(answers, folder, name):
    refused, found = admitted(folder, name, has_adapters=True), answers[f"{name} with adapters"]
    assert (refused is None) == ("error" not in found), found
    assert refused is None or ("adapters" in str(refused) and "has no attribute 'device'" in found["error"])


@pytest.mark.proves("S21")
def test_a_gguf_file_is_refused_and_the_engine_would_not_serve_it(answers, folder):
    assert "engine.type LlamaCpp serves it" in str(admitted(folder, "gguf"))
    assert "model.gguf' is not a valid JSON file" in answers["gguf"]["error"]


def test_what_is_made_on_the_fly_serves_nearly_as_the_unquantized_model(answers):
    assert 0 < distance(answers, f"online {ON_THE_FLY_CPU['FP8']}") < NEAR


def test_the_plugin_of_the_image_makes_its_weights_on_the_fly(answers):
    assert ON_THE_FLY_CPU["BitsAndBytes"] == "bitsandbytes"
    assert 0 < distance(answers, "plugin") < NEAR


def test_the_image_has_the_plugins_that_are_tested():
    assert f'ARG PLUGINS="{" ".join(PLUGINS)}"' in (ROOT / "runtime" / "Containerfile").read_text()


@pytest.mark.parametrize("name", ONLINE_FAILS if CPU.has_amx else (*ONLINE_FAILS, *ONLINE_NEEDS_AMX))
def test_what_is_not_made_on_the_fly_here_does_not_serve(answers, name):
    assert name not in ON_THE_FLY_CPU.values()
    assert reason(answers, f"online {name}") == Reason.QUANTIZATION_UNSUPPORTED, answers[f"online {name}"]


@pytest.mark.parametrize("name", NO_EFFECT)
def test_what_is_not_offered_changes_nothing_of_a_dense_model(answers, name):
    assert distance(answers, f"online {name}") == 0


def test_a_value_that_the_engine_takes_and_answers_nonsense_from_cannot_be_asked_for(answers):
    assert "deepseek_v4_fp8" not in ON_THE_FLY_CPU.values()
    wrong = answers["online deepseek_v4_fp8"]
    assert "error" in wrong or not distance(answers, "online deepseek_v4_fp8") < NEAR  # it is no number


@pytest.mark.parametrize("name", CACHES)
def test_a_cache_that_is_offered_on_the_cpu_serves_nearly_the_same(answers, name):
    assert distance(answers, f"cache {name}") < NEAR


@pytest.mark.parametrize("name", WRONG_CACHES)
def test_a_cache_that_is_refused_on_the_cpu_would_have_started(answers, name):
    assert distance(answers, f"cache {name}") > NEAR
