"""From a node's labels, or a name that somebody typed, to what an engine finds there."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from llmfleet.api.workload import AcceleratorType
from llmfleet.core.capability import generation
from llmfleet.core.fit.products import AMD, NVIDIA, Product

GIB, MIB = 2**30, 2**20
USABLE = 0.975
"""Of a label's memory, where the product is not known: the driver keeps 1 to 4 % of the known ones."""

_MIG = re.compile(r"-MIG-\d+g\.(\d+)gb", re.IGNORECASE)
_SHARED = "-SHARED"
_SHARED_NOTE = "several pods take turns on it: what the others hold of its memory is not counted"
_AMD_MEMORY = re.compile(r"(\d{1,5})G")


@dataclass(frozen=True)
class Accelerator:
    """One device."""

    product: str
    vendor: AcceleratorType
    memory_bytes: int
    """What the engine sees as the device's total; of a CPU, the container's."""
    generation: str | None = None
    capability: tuple[int, int] | None = None
    """CUDA compute capability; None where it is not known, and for other vendors."""
    note: str = ""
    """What was assumed of it, empty when nothing was."""

    @property
    def architecture(self) -> int | None:
        """Its generation as ``capability`` counts them; None of a CPU, and where it is not known."""
        if self.capability is not None:
            return 10 * self.capability[0] + self.capability[1]
        return generation(self.product, self.vendor)


def named(text: str) -> Accelerator | None:
    """By label or by name, upper and lower case alike: ``H100``, ``nvidia-l40s``."""
    wanted = text.strip().casefold().replace(" ", "-")
    for product in (*NVIDIA, *AMD):
        if wanted in (product.label.casefold(), product.name.casefold()):
            return _known(product)
    return None


def names() -> tuple[str, ...]:
    """Every name that ``named`` knows."""
    return tuple(product.name for product in (*NVIDIA, *AMD))


def cpu(memory_bytes: int) -> Accelerator:
    """The CPU of a container with so much memory."""
    return Accelerator("CPU", AcceleratorType.CPU, memory_bytes)


def of_node(labels: Mapping[str, str]) -> Accelerator | None:
    """What NVIDIA's feature discovery or AMD's node labeller says; None without a GPU, or of unknown size."""
    if label := labels.get("nvidia.com/gpu.product"):
        found = _nvidia(label.removesuffix(_SHARED), labels)
        return replace(found, note=_SHARED_NOTE) if found and label.endswith(_SHARED) else found
    for prefix in ("amd.com/gpu", "beta.amd.com/gpu"):
        if label := labels.get(f"{prefix}.product-name"):
            return _amd(label, labels.get(f"{prefix}.vram", ""))
    return None


def _nvidia(label: str, labels: Mapping[str, str]) -> Accelerator | None:
    product = next((each for each in NVIDIA if each.label == label), None)
    if product is not None:
        return _known(product)
    mib = labels.get("nvidia.com/gpu.memory", "")
    if not mib.isdigit():
        return None
    whole = next((each for each in NVIDIA if label.startswith(f"{each.label}-MIG-")), None)
    what = "a slice of a known product" if whole and _MIG.search(label) else "a product that is not in the table"
    return Accelerator(
        label,
        AcceleratorType.NVIDIA,
        int(int(mib) * MIB * USABLE),
        whole.generation if whole else labels.get("nvidia.com/gpu.family"),
        whole.capability if whole else _capability(labels),
        f"{what}: memory is {USABLE:.1%} of the {mib} MiB of its label",
    )


def _capability(labels: Mapping[str, str]) -> tuple[int, int] | None:
    major, minor = (labels.get(f"nvidia.com/gpu.compute.{part}", "") for part in ("major", "minor"))
    return (int(major), int(minor)) if major.isdigit() and minor.isdigit() else None


def _amd(label: str, vram: str) -> Accelerator | None:
    product = next((each for each in AMD if each.label == label), None)
    if product is not None:
        return _known(product)
    found = _AMD_MEMORY.fullmatch(vram)
    if found is None:
        return None
    note = f"a product that is not in the table: memory is {USABLE:.1%} of the {vram} of its label"
    return Accelerator(label, AcceleratorType.AMD, int(int(found[1]) * GIB * USABLE), note=note)


def _known(product: Product) -> Accelerator:
    vendor = AcceleratorType.AMD if product in AMD else AcceleratorType.NVIDIA
    size = int(product.total_gib * GIB)
    return Accelerator(product.label, vendor, size, product.generation, product.capability)
