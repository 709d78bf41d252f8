"""Whether a model's weights can be served where its pods may land is said before a pod, with what would work there."""

from typing import Any

import pytest

from llmfleet.api.conditions import Reason
from llmfleet.api.quantization import NOT_ON_CPU, Method
from llmfleet.core.prospect import Prospect, contradictions, prospect
from llmfleet_runtime.contract import SERVED_ON_CPU, QuantizationFacts
from tests.builders import deployment, parsed, with_spec
from tests.unit.operator.fit.models import public

V100, T4, A100, H100 = "Tesla-V100-SXM2-32GB", "Tesla-T4", "NVIDIA-A100-SXM4-80GB", "NVIDIA-H100-80GB-HBM3"
MI210, MI300X = "AMD_Instinct_MI210", "AMD_Instinct_MI300X_OAM"
UNKNOWN = "NVIDIA-X9000"
PLAIN = ("", "")
AWQ, GPTQ8, ORDERED = ("awq", "4 bits"), ("gptq", "8 bits"), ("gptq", "4 bits act-order")
GGUF, NVFP4, BLOCKS = ("gguf", "Q4_K"), ("compressed-tensors", "NVFP4"), ("fp8", "FP8 blocks")
MODELOPT, W8A16 = ("modelopt", "FP8"), ("compressed-tensors", "FP8 channel weight-only")
W8A8, W4A8 = (
    ("compressed-tensors", "FP8 channel dynamic float8 token"),
    ("compressed-tensors", "INT4 group dynamic float8 token"),
)
Format = tuple[str, str]


def asked(found: Format, accelerator: dict[str, Any], *nodes: str, is_tried: bool = True, **spec: Any) -> Prospect:
    checkpoint = QuantizationFacts(method=found[0], scheme=found[1]) if found[0] else None
    facts = public("meta-llama/Llama-3.1-8B").model_copy(update={"quantization": checkpoint})
    wanted = parsed(deployment(with_spec(accelerator=accelerator, **spec))).spec
    key = "amd.com/gpu.product-name" if accelerator.get("type") == "AMD" else "nvidia.com/gpu.product"
    return prospect(facts, wanted, [{key: each} for each in nodes], is_tried=is_tried)


def said(*given: Any, **more: Any) -> str:
    found = asked(*given, **more).blocked
    assert all(each.reason is Reason.QUANTIZATION_UNSUPPORTED for each in found)
    return "; ".join(each.message for each in found)


def on(*products: str) -> dict[str, Any]:
    return {"type": "AMD" if products[0].startswith("AMD") else "NVIDIA", "products": [*products]}


CPU: dict[str, Any] = {"type": "CPU"}


@pytest.mark.proves("S21")
@pytest.mark.parametrize(
    ("found", "accelerator", "words"),
    [
        (AWQ, on(V100), "awq, 4 bits, which need compute capability 7.5, and accelerator.products names Tesla-V100"),
        (AWQ, on(A100, V100), "Or name only NVIDIA-A100-SXM4-80GB."),
        (NVFP4, on(V100), "None, CompressedTensors or BitsAndBytes would work"),
        (MODELOPT, on(T4), "modelopt, FP8, which need compute capability 8.0"),
        (W4A8, on(A100), "which need compute capability 9.0"),
        (ORDERED, on(H100), "no longer runs GPTQ with activation order (desc_act); on NVIDIA-H100-80GB-HBM3 None, FP8"),
        (ORDERED, {}, "on NVIDIA GPUs that are new enough None, FP8, INT8, AWQ"),
        (GGUF, on(H100), "engine.type LlamaCpp serves it"),
        (GGUF, CPU, "engine.type LlamaCpp serves it; on CPUs None, FP8, INT8, AWQ"),
        (NVFP4, CPU, "vLLM's CPU build has no kernel for it; on CPUs None, FP8"),
        (GPTQ8, CPU, "gptq, 8 bits: vLLM's CPU build has no kernel for it"),
        (MODELOPT, on(MI210), "modelopt, FP8, which need CDNA3, and accelerator.products names AMD_Instinct_MI210"),
        (W8A8, on(MI210), "which need CDNA3"),
        (W8A16, on(MI300X), "which need a GPU of another vendor than AMD"),
        (("humming", ""), on(MI300X), "Or name an NVIDIA product."),
    ],
)  # fmt: skip
def test_weights_that_no_pod_could_serve_are_refused_with_what_would_work(
    found: Format, accelerator: dict[str, Any], words: str
) -> None:
    told = said(found, accelerator)
    assert told.startswith(f"the weights of model.uri are {found[0]}")
    assert words in told


@pytest.mark.parametrize(
    ("found", "accelerator"),
    [
        (AWQ, on(T4)), (AWQ, on(MI210)), (AWQ, CPU), (AWQ, {}), (AWQ, on(UNKNOWN)), (GPTQ8, on(T4)), (NVFP4, on(H100)),
        (NVFP4, on(T4)), (NVFP4, on(MI210)), (MODELOPT, on(A100)), (MODELOPT, on(MI300X)), (MODELOPT, CPU),
        (W8A8, on(T4)), (W8A8, on(MI300X)), (W8A16, on(A100)), (W4A8, on(H100)), (BLOCKS, on(MI210)), (BLOCKS, CPU),
        (("of tomorrow", "5 bits"), on(V100)), (PLAIN, on(V100)), (PLAIN, on(MI210)), (PLAIN, CPU),
    ],
)  # fmt: skip
def test_what_can_be_served_or_is_not_known_is_left_to_the_engine(found: Format, accelerator: dict[str, Any]) -> None:
    assert said(found, accelerator, engine={"maxModelLen": 256, "parallelism": {"tensor": 4}}) == ""


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        ((V100,), "and the cluster's nodes have Tesla-V100-SXM2-32GB (7.0); there None"),
        ((V100, H100), ""),
        ((V100, UNKNOWN), ""),
        ((), ""),
    ],
)
def test_without_products_it_is_all_that_the_cluster_has_that_decides(nodes: tuple[str, ...], words: str) -> None:
    for found, method in ((AWQ, "Auto"), (PLAIN, "FP8")):
        told = said(found, {}, *nodes, quantization={"method": method}, engine={"maxModelLen": 256})
        assert (words in told) if words else told == ""


def test_an_older_product_of_the_cluster_is_not_counted_on_and_the_status_says_so() -> None:
    fit = asked(AWQ, {}, V100, H100).fit
    assert fit
    assert fit.product == H100
    assert fit.message.startswith("Tesla-V100-SXM2-32GB cannot serve these weights; name the other products")


def test_a_slice_that_is_asked_for_by_its_resource_may_be_of_any_product() -> None:
    assert said(AWQ, {"resourceName": "nvidia.com/mig-1g.10gb"}, V100) == ""


def test_nodes_out_of_reach_do_not_count() -> None:
    assert said(AWQ, {}, V100, pod={"nodeSelector": {"pool": "a"}}) == ""


def test_a_generation_that_discovery_has_found_counts_where_the_product_is_not_known() -> None:
    labels = {
        "nvidia.com/gpu.product": UNKNOWN,
        "nvidia.com/gpu.compute.major": "7",
        "nvidia.com/gpu.compute.minor": "0",
    }
    facts = public("meta-llama/Llama-3.1-8B").model_copy(update={"quantization": QuantizationFacts(method="awq")})
    assert f"{UNKNOWN} (7.0)" in prospect(facts, parsed(deployment()).spec, [labels]).blocked[0].message


def test_a_cache_is_judged_by_the_clusters_products_too() -> None:
    told = said(PLAIN, {}, T4, engine={"kvCache": {"dtype": "FP8"}})
    assert told.startswith(
        "engine.kvCache.dtype FP8 needs compute capability 8.0, and the cluster's nodes have Tesla-T4"
    )
    assert "there Auto or INT8PerTokenHead would work" in told


def test_what_a_job_would_make_is_judged_before_it_is_made() -> None:
    made = with_spec(
        quantization={"method": "AWQ", "source": "Produced"},
        model={"cache": {"type": "PersistentVolumeClaim", "persistentVolumeClaim": {"claimName": "models"}}},
    )
    facts, spec = public("meta-llama/Llama-3.1-8B"), parsed(deployment(made)).spec
    label = "nvidia.com/gpu.product"
    assert contradictions(facts, spec, [{label: T4}]) == ()
    assert [each.reason for each in contradictions(facts, spec, [{label: V100}])] == [Reason.QUANTIZATION_UNSUPPORTED]


def test_what_is_said_to_work_on_cpus_is_all_that_the_api_server_lets_through() -> None:
    assert {*SERVED_ON_CPU} == {*Method} - {Method.AUTO, *NOT_ON_CPU}


def test_of_a_version_that_nobody_has_tried_the_launcher_is_the_judge() -> None:
    assert said(ORDERED, on(H100), is_tried=False) == ""
