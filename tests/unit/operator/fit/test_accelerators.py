"""Nodes' labels and people's names -> accelerators."""

from dataclasses import replace

import pytest

from llmfleet.core.fit.accelerators import GIB, MIB, named, names, of_node
from llmfleet.core.fit.products import AMD, NVIDIA, Product

NVIDIA_LABELS = {
    "nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3",
    "nvidia.com/gpu.memory": "81559",
    "nvidia.com/gpu.compute.major": "9",
    "nvidia.com/gpu.compute.minor": "0",
    "nvidia.com/gpu.family": "hopper",
}


@pytest.mark.parametrize("product", NVIDIA, ids=lambda each: each.name)
def test_the_driver_keeps_little_of_what_the_label_says(product: Product) -> None:
    assert 0.94 < product.total_gib * GIB / (product.label_mib * MIB) < 1


@pytest.mark.parametrize("product", [*NVIDIA, *AMD], ids=lambda each: each.name)
def test_every_product_is_found_by_its_label_and_by_its_name(product: Product) -> None:
    assert named(product.label) == named(product.name.lower())
    assert product.name in names()


def test_names_and_labels_stand_once() -> None:
    for column in ("name", "label"):
        values = [getattr(each, column).casefold() for each in (*NVIDIA, *AMD)]
        assert len(set(values)) == len(values)


def test_an_unknown_name_is_nothing() -> None:
    assert named("H9000") is None


def test_a_known_product_is_what_the_table_says() -> None:
    found = of_node(NVIDIA_LABELS)
    assert found == named("H100")
    assert found
    assert (found.capability, found.generation, found.note) == ((9, 0), "Hopper", "")


def test_a_shared_product_is_the_same_and_says_that_it_is_shared() -> None:
    found = of_node({**NVIDIA_LABELS, "nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3-SHARED"})
    assert found
    assert found.note.startswith("several pods take turns on it")
    assert replace(found, note="") == named("H100")


def test_an_unknown_product_has_the_memory_of_its_label_and_says_so() -> None:
    found = of_node({**NVIDIA_LABELS, "nvidia.com/gpu.product": "NVIDIA-R100", "nvidia.com/gpu.memory": "100000"})
    assert found
    assert (found.memory_bytes, found.capability) == (int(100000 * MIB * 0.975), (9, 0))
    assert "not in the table: memory is 97.5% of the 100000 MiB of its label" in found.note


def test_a_slice_has_its_own_memory_and_its_products_generation() -> None:
    label = "NVIDIA-A100-SXM4-80GB-MIG-3g.40gb"
    found = of_node({"nvidia.com/gpu.product": label, "nvidia.com/gpu.memory": "40448"})
    assert found
    assert (found.memory_bytes, found.capability) == (int(40448 * MIB * 0.975), (8, 0))
    assert "slice of a known product" in found.note


def test_amd_is_read_by_both_of_its_prefixes() -> None:
    for prefix in ("amd.com/gpu", "beta.amd.com/gpu"):
        assert of_node({f"{prefix}.product-name": "AMD_Instinct_MI300X_OAM"}) == named("MI300X")


def test_an_unknown_amd_product_has_the_memory_of_its_label() -> None:
    found = of_node({"amd.com/gpu.product-name": "AMD_New", "amd.com/gpu.vram": "64G"})
    assert found
    assert (found.vendor, found.memory_bytes) == ("AMD", int(64 * GIB * 0.975))


@pytest.mark.parametrize(
    "labels",
    [
        {},
        {"nvidia.com/gpu.product": "NVIDIA-R100"},
        {"nvidia.com/gpu.product": "NVIDIA-R100", "nvidia.com/gpu.memory": "much"},
        {"amd.com/gpu.product-name": "AMD_New"},
        {"amd.com/gpu.product-name": "AMD_New", "amd.com/gpu.vram": "?"},
    ],
)
def test_without_a_size_there_is_no_accelerator(labels: dict[str, str]) -> None:
    assert of_node(labels) is None
