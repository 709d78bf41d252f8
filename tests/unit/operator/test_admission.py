"""What no pod could serve is said before one starts, and what runs goes on running."""

import pytest

from llmfleet.api.conditions import Reason
from llmfleet.api.quantization import Method
from llmfleet.api.tuning import KVCacheDType
from llmfleet.api.workload import AcceleratorType
from llmfleet.core.admission import refusals
from llmfleet.core.capability import generation, needed, needed_by_cache, shown
from llmfleet.core.fleet import plan
from llmfleet.core.plan import Outcomes
from llmfleet.core.status import derive
from llmfleet.core.verdict import verdict
from tests.builders import (
    DEFAULTS,
    NOW,
    Raw,
    children,
    deployment,
    look,
    parsed,
    pod,
    ready,
    report,
    revision,
    settled,
    with_spec,
)

T4, A100, L4, V100 = "Tesla-T4", "NVIDIA-A100-SXM4-80GB", "NVIDIA-L4", "Tesla-V100-SXM2-32GB"


def on(*products: str, **spec: object) -> Raw:
    return deployment(with_spec(accelerator={"products": list(products)}, **spec))


def said(raw: Raw) -> list[str]:
    return [each.message for each in refusals(parsed(raw).spec)]


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("Tesla-P100-PCIE-16GB", 60),
        ("Tesla-V100-SXM2-32GB", 70),
        ("Tesla-T4", 75),
        ("Quadro-RTX-6000", 75),
        ("NVIDIA-GeForce-RTX-2080-Ti", 75),
        ("NVIDIA-A100-SXM4-40GB", 80),
        ("A100-SXM4-40GB", 80),
        ("NVIDIA-A30", 80),
        ("NVIDIA-A10G", 86),
        ("NVIDIA-RTX-A6000", 86),
        ("NVIDIA-GeForce-RTX-3090", 86),
        ("NVIDIA-L4-SHARED", 89),
        ("NVIDIA-L40S", 89),
        ("NVIDIA-RTX-6000-Ada-Generation", 89),
        ("NVIDIA-RTX-5000-Ada-Generation", 89),
        ("NVIDIA-RTX-4000-SFF-Ada-Generation", 89),
        ("NVIDIA-GeForce-RTX-4090", 89),
        ("NVIDIA-H100-80GB-HBM3", 90),
        ("NVIDIA-H100-80GB-HBM3-MIG-1g.10gb", 90),
        ("NVIDIA-H200", 90),
        ("NVIDIA-GH200-480GB", 90),
        ("NVIDIA-B200", 100),
        ("NVIDIA-GB300", 103),
        ("NVIDIA-GeForce-RTX-5090", 120),
        ("NVIDIA-RTX-PRO-6000-Blackwell-Server-Edition", 120),
        ("NVIDIA-GB10", 121),
        ("NVIDIA-X9000", None),
        ("AMD_Instinct_MI300X_OAM", None),
        ("", None),
    ],
)
def test_an_nvidia_product_label_tells_its_generation_or_nothing(label: str, expected: int | None) -> None:
    assert generation(label) == expected


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("AMD_Instinct_MI210", "CDNA2"),
        ("AMD_Instinct_MI250X", "CDNA2"),
        ("AMD_Instinct_MI300X_OAM", "CDNA3"),
        ("AMD_Instinct_MI325X_OAM", "CDNA3"),
        ("AMD_Instinct_MI355X_OAM", "CDNA4"),
        ("AMD_Radeon_RX_7900_XTX", None),
        ("Tesla-T4", None),
    ],
)
def test_an_amd_product_label_tells_its_generation_or_nothing(label: str, expected: str | None) -> None:
    found = generation(label, AcceleratorType.AMD)
    assert (None if found is None else shown(found, AcceleratorType.AMD)) == expected


WEIGHTS = [
    (T4, {Method.MXFP4}),
    (V100, {*Method} - {Method.AUTO, Method.NONE, Method.COMPRESSED_TENSORS, Method.BITS_AND_BYTES}),
    (A100, set()),
    (L4, set()),
    ("NVIDIA-X9000", set()),
]


@pytest.mark.parametrize(("product", "refused"), WEIGHTS, ids=[product for product, _ in WEIGHTS])
def test_a_method_is_refused_on_products_that_are_too_old(product: str, refused: set[Method]) -> None:
    assert {each for each in Method if said(on(product, quantization={"method": each}))} == refused


CACHES = [(T4, {KVCacheDType.FP8, KVCacheDType.FP8_E5M2, KVCacheDType.NVFP4}), (A100, set()), ("NVIDIA-X9000", set())]


@pytest.mark.parametrize(("product", "refused"), CACHES, ids=[product for product, _ in CACHES])
def test_a_cache_is_refused_on_products_that_are_too_old(product: str, refused: set[KVCacheDType]) -> None:
    assert {each for each in KVCacheDType if said(on(product, engine={"kvCache": {"dtype": each}}))} == refused


def test_a_refusal_names_the_products_and_what_would_work() -> None:
    (message,) = said(on(T4, A100, quantization={"method": "MXFP4"}))
    assert message == (
        "quantization.method MXFP4 needs compute capability 8.0, and accelerator.products names Tesla-T4 (7.5); there "
        "None, FP8, INT8, AWQ, GPTQ, AutoRound, CompressedTensors, NVFP4, MXFP8 or BitsAndBytes would work. "
        "Or name only NVIDIA-A100-SXM4-80GB."
    )
    (message,) = said(on(T4, engine={"kvCache": {"dtype": "FP8"}}))
    assert message.endswith("there Auto or INT8PerTokenHead would work. Or name a newer product.")


MI210, MI300X = "AMD_Instinct_MI210", "AMD_Instinct_MI300X_OAM"


@pytest.mark.parametrize(
    ("product", "quantization", "is_refused"),
    [
        (MI210, {"method": "FP8", "source": "OnTheFly"}, True),
        (MI210, {"method": "FP8"}, False),  # a checkpoint in blocks has a kernel
        (MI300X, {"method": "FP8", "source": "OnTheFly"}, False),
        (MI210, {"method": "FP8", "source": "Produced"}, True),
        (MI300X, {"method": "FP8", "source": "Produced"}, False),
        (MI210, {"method": "INT8", "source": "Produced"}, False),
        (MI210, {"method": "BitsAndBytes"}, False),
        (MI210, {"method": "MXFP8", "source": "OnTheFly"}, False),
        ("AMD_Radeon_RX_7900_XTX", {"method": "FP8", "source": "OnTheFly"}, False),
    ],
)
def test_a_method_is_refused_on_amds_generations_that_have_no_kernel(
    product: str, quantization: dict[str, str], *, is_refused: bool
) -> None:
    told = said(deployment(with_spec(accelerator={"type": "AMD", "products": [product]}, quantization=quantization)))
    assert bool(told) is is_refused
    if is_refused:
        assert told[0] == (
            "quantization.method FP8 needs CDNA3, and accelerator.products names AMD_Instinct_MI210 (CDNA2); there "
            "None, INT8, AWQ, GPTQ, AutoRound, CompressedTensors, NVFP4, MXFP8 or BitsAndBytes would work. Or name a "
            "newer product."
        )


@pytest.mark.parametrize("dtype", sorted({*KVCacheDType} - {KVCacheDType.NVFP4}))
def test_amds_attention_takes_every_cache_that_the_api_server_lets_through(dtype: KVCacheDType) -> None:
    raw = deployment(with_spec(accelerator={"type": "AMD", "products": [MI210]}, engine={"kvCache": {"dtype": dtype}}))
    assert said(raw) == []


@pytest.mark.parametrize("accelerator", [{"type": "CPU"}, {"type": "AMD", "products": [T4]}, {}])
def test_nothing_is_said_of_what_is_not_known(accelerator: Raw) -> None:
    raw = deployment(with_spec(accelerator=accelerator, quantization={"method": "FP8"}))
    assert said(raw) == []


def test_every_method_and_every_cache_has_what_it_needs_in_the_tables() -> None:
    assert {each for each in Method if not needed(each)} == {Method.AUTO, Method.NONE}
    assert {each for each in KVCacheDType if not needed_by_cache(each)} == {
        KVCacheDType.AUTO,
        KVCacheDType.INT8_PER_TOKEN_HEAD,
    }


BAD = on(V100, quantization={"method": "FP8"}, replicas=2)


@pytest.mark.proves("S21", "R09")
def test_a_running_fleet_is_left_alone_and_the_status_says_why() -> None:
    old = on(V100, replicas=2)
    pods = [pod(revision(old), ready(), name=name) for name in "ab"]
    observed = look(BAD, children(old, 2), pods, {each["metadata"]["uid"]: report() for each in pods})
    found = plan(observed, DEFAULTS, NOW)
    assert (found.actions, [each.reason for each in found.blocked]) == ((), [Reason.QUANTIZATION_UNSUPPORTED])
    judged = verdict(observed, found, Outcomes(), NOW)
    assert (judged.stalled, judged.reason) == (True, Reason.QUANTIZATION_UNSUPPORTED)
    assert "CompressedTensors or BitsAndBytes would work" in judged.message
    status = derive(observed, found, Outcomes(), NOW)
    assert (status.ready_replicas, status.replicas) == (2, 2)
    assert {each.type: each.status for each in status.conditions}["Available"] == "True"


def test_nothing_is_made_for_a_new_fleet() -> None:
    assert plan(look(BAD), DEFAULTS, NOW).actions == ()


def test_a_revision_that_exists_runs_whatever_a_later_operator_knows() -> None:
    observed = settled(BAD, 2)
    found = plan(observed, DEFAULTS, NOW)
    assert (found.actions, found.blocked) == ((), ())
    assert verdict(observed, found, Outcomes(), NOW).ready


@pytest.mark.proves("R10")
def test_a_corrected_spec_is_acted_on_at_once() -> None:
    good = on(V100, quantization={"method": "CompressedTensors"}, replicas=2)
    assert plan(look(good), DEFAULTS, NOW).actions


def on_the_node(path: str) -> Raw:
    return deployment(with_spec(model={"cache": {"type": "HostPath", "hostPath": {"path": path}}}))


@pytest.mark.proves("R69")
@pytest.mark.parametrize(
    ("path", "allowed", "is_refused"),
    [
        ("/mnt/models", (), True),
        ("/mnt/models", ("/mnt/models",), False),
        ("/mnt/models/team", ("/data", "/mnt/models/"), False),
        ("/mnt/models-of-others", ("/mnt/models",), True),
        ("/mnt", ("/mnt/models",), True),
        ("/etc", ("/mnt/models",), True),
    ],
)
def test_a_nodes_folder_needs_the_operators_consent(path: str, allowed: tuple[str, ...], *, is_refused: bool) -> None:
    refused = refusals(parsed(on_the_node(path)).spec, allowed)
    assert [each.reason for each in refused] == [Reason.HOST_PATH_NOT_ALLOWED] * is_refused
    assert all(path in each.message for each in refused)


def test_without_consent_nothing_is_made_and_the_status_says_why() -> None:
    observed = look(on_the_node("/etc"))
    found = plan(observed, DEFAULTS, NOW)
    assert found.actions == ()
    assert verdict(observed, found, Outcomes(), NOW).stalled
    assert "hostPathCaches" in verdict(observed, found, Outcomes(), NOW).message
