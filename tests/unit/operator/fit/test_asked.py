"""A fleet's spec, as the planner reads it."""

from typing import Any

import pytest

from llmfleet.api.v1alpha1 import Spec
from llmfleet.core.fit.accelerators import named
from llmfleet.core.fit.asked import devices, is_planned, planned, settings_of
from llmfleet.core.fit.planner import Verdict
from llmfleet.core.fit.settings import FP8, Lora, Settings
from tests.unit.operator.fit.models import public


def whole(**members: Any) -> Spec:
    return Spec.model_validate({"model": {"uri": "hf://a/b"}, **members})


def spec(**engine: Any) -> Spec:
    return Spec.model_validate({"model": {"uri": "hf://a/b"}, "engine": engine})


def argument(name: str, value: str | None = None) -> dict[str, Any]:
    return {"args": [{"name": name, "value": value} if value is not None else {"name": name}]}


@pytest.mark.parametrize(
    ("engine", "expected"),
    [
        ({}, Settings()),
        ({"maxModelLen": 8192, "maxConcurrency": 64}, Settings(max_model_len=8192, max_num_seqs=64)),
        ({"dtype": "Float32"}, Settings(dtype="float32")),
        (argument("gpu-memory-utilization", "0.5"), Settings(utilization=0.5)),
        (argument("gpu-memory-utilization", "half"), Settings()),
        (argument("max-num-batched-tokens", "512"), Settings(max_num_batched_tokens=512)),
        (argument("enforce-eager"), Settings(enforce_eager=True)),
        (argument("enforce-eager", "false"), Settings()),
        ({"parallelism": {"tensor": 4}}, Settings(tensor=4)),
        ({"kvCache": {"dtype": "FP8E5M2"}}, Settings(kv_cache_dtype="fp8_e5m2")),
        ({"prefixCaching": "Disabled"}, Settings(prefix_caching=False)),
    ],
    ids=str,
)
def test_a_spec_is_read_as_the_engine_is_told(engine: dict[str, Any], expected: Settings) -> None:
    assert settings_of(spec(**engine)) == expected


MIB = 2**20


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"lora": {"maxAdapters": 2, "maxRank": 64}}, Settings(lora=Lora(2, 64))),
        ({"lora": {"maxAdapters": 16, "maxPerBatch": 8}}, Settings(lora=Lora(8, 16))),
        ({"quantization": {"method": "FP8"}}, Settings(precision=FP8)),
        ({"quantization": {"method": "AWQ"}}, Settings()),
        ({"accelerator": {"type": "CPU"}}, Settings()),
        (
            {"accelerator": {"type": "CPU"}, "resources": {"limits": {"memory": "4Gi"}}},
            Settings(kv_cache_bytes=512 * MIB),
        ),
    ],
    ids=str,
)
def test_other_members_count_too(members: dict[str, Any], expected: Settings) -> None:
    assert settings_of(whole(**members)) == expected


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, True),
        ({"quantization": {"method": "AWQ"}}, True),
        ({"quantization": {"method": "BitsAndBytes"}}, False),
        ({"engine": {"kvCache": {"dtype": "NVFP4"}}}, False),
        ({"engine": argument("cpu-offload-gb", "8")}, False),
        ({"engine": {"env": [{"name": "VLLM_ALLOW_LONG_MAX_MODEL_LEN", "value": "1"}]}}, False),
        ({"engine": argument("seed", "1")}, True),
    ],
    ids=str,
)
def test_what_the_planner_does_not_know_it_does_not_plan(members: dict[str, Any], *, expected: bool) -> None:
    assert is_planned(whole(**members)) is expected


H100, L4, MI300X = (
    {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"},
    {"nvidia.com/gpu.product": "NVIDIA-L4", "pool": "a"},
    {"amd.com/gpu.product-name": "AMD_Instinct_MI300X_OAM"},
)


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({}, ["NVIDIA-H100-80GB-HBM3", "NVIDIA-L4"]),
        ({"accelerator": {"products": ["NVIDIA-L40S"]}}, ["NVIDIA-L40S"]),
        ({"accelerator": {"products": ["NVIDIA-L40S", "Brand-New"]}}, []),
        ({"accelerator": {"type": "AMD"}}, ["AMD_Instinct_MI300X_OAM"]),
        ({"accelerator": {"resourceName": "nvidia.com/mig-1g.10gb"}}, []),
        ({"accelerator": {"type": "CPU"}}, []),
        ({"accelerator": {"type": "CPU"}, "resources": {"limits": {"memory": "4Gi"}}}, ["CPU"]),
        ({"pod": {"nodeSelector": {"pool": "a"}}}, ["NVIDIA-L4"]),
    ],
    ids=str,
)
def test_a_replica_may_find_itself_on_what_the_spec_allows(members: dict[str, Any], expected: list[str]) -> None:
    assert [each.product for each in devices(whole(**members), [H100, L4, MI300X])] == expected


@pytest.mark.parametrize(
    ("engine", "card", "verdict", "length"),
    [
        ({}, "H100", Verdict.FITS, 131072),
        ({}, "L4", Verdict.FITS, 34672),
        ({}, "T4", Verdict.DOES_NOT_FIT, 131072),
        ({"maxModelLen": 8192}, "L4", Verdict.FITS, 8192),
        ({"maxModelLen": 65536}, "L4", Verdict.DOES_NOT_FIT, 65536),
    ],
)
def test_an_absent_context_is_the_longest_that_fits(
    engine: dict[str, Any], card: str, verdict: Verdict, length: int
) -> None:
    accelerator = named(card)
    assert accelerator
    found = planned(public("meta-llama/Llama-3.1-8B"), spec(**engine), accelerator)
    assert (found.verdict, found.max_model_len) == (verdict, length)
