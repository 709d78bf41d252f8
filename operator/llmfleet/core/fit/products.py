"""GPU products by the label that discovery gives their nodes.

``label_mib`` is what ``nvidia.com/gpu.memory`` and nvidia-smi say. ``total_gib`` is what CUDA gives a process, which is
less by what the driver keeps: the total that PyTorch and vLLM print in public logs and out-of-memory messages for this
product, rounded down. Compute capabilities: NVIDIA's CUDA GPUs page. AMD's memory: the product pages, less the share
that ROCm keeps where logs show one.
"""

from typing import NamedTuple


class Product(NamedTuple):
    """One product."""

    label: str
    """``nvidia.com/gpu.product``, ``amd.com/gpu.product-name``."""
    name: str
    """What people call it; unique."""
    total_gib: float
    label_mib: int
    generation: str
    capability: tuple[int, int] | None
    """CUDA compute capability; None for AMD."""


NVIDIA: tuple[Product, ...] = (
    Product("Tesla-T4", "T4", 14.56, 15360, "Turing", (7, 5)),
    Product("Tesla-V100-SXM2-16GB", "V100-16GB", 15.77, 16384, "Volta", (7, 0)),
    Product("Tesla-V100-SXM2-32GB", "V100-32GB", 31.73, 32768, "Volta", (7, 0)),
    Product("NVIDIA-A10", "A10", 21.98, 23028, "Ampere", (8, 6)),
    Product("NVIDIA-A10G", "A10G", 21.98, 23028, "Ampere", (8, 6)),
    Product("NVIDIA-A30", "A30", 23.5, 24576, "Ampere", (8, 0)),
    Product("NVIDIA-A40", "A40", 44.34, 46068, "Ampere", (8, 6)),
    Product("NVIDIA-RTX-A6000", "RTX-A6000", 47.53, 49140, "Ampere", (8, 6)),
    Product("NVIDIA-GeForce-RTX-3090", "RTX-3090", 23.57, 24576, "Ampere", (8, 6)),
    Product("NVIDIA-A100-PCIE-40GB", "A100-PCIE-40GB", 39.38, 40960, "Ampere", (8, 0)),
    Product("NVIDIA-A100-SXM4-40GB", "A100-40GB", 39.38, 40960, "Ampere", (8, 0)),
    Product("NVIDIA-A100-80GB-PCIe", "A100-PCIE-80GB", 79.14, 81920, "Ampere", (8, 0)),
    Product("NVIDIA-A100-SXM4-80GB", "A100-80GB", 79.14, 81920, "Ampere", (8, 0)),
    Product("NVIDIA-L4", "L4", 22.03, 23034, "Ada", (8, 9)),
    Product("NVIDIA-L40", "L40", 44.39, 46068, "Ada", (8, 9)),
    Product("NVIDIA-L40S", "L40S", 44.39, 46068, "Ada", (8, 9)),
    Product("NVIDIA-RTX-6000-Ada-Generation", "RTX-6000-Ada", 47.5, 49140, "Ada", (8, 9)),
    Product("NVIDIA-GeForce-RTX-4090", "RTX-4090", 23.52, 24564, "Ada", (8, 9)),
    Product("NVIDIA-H100-PCIe", "H100-PCIe", 79.09, 81559, "Hopper", (9, 0)),
    Product("NVIDIA-H100-80GB-HBM3", "H100", 79.1, 81559, "Hopper", (9, 0)),
    Product("NVIDIA-H100-NVL", "H100-NVL", 93.0, 95830, "Hopper", (9, 0)),
    Product("NVIDIA-H20", "H20", 95.0, 97871, "Hopper", (9, 0)),
    Product("NVIDIA-GH200-480GB", "GH200", 94.5, 97871, "Hopper", (9, 0)),
    Product("NVIDIA-H200", "H200", 139.7, 143771, "Hopper", (9, 0)),
    Product("NVIDIA-H200-NVL", "H200-NVL", 139.7, 143771, "Hopper", (9, 0)),
    Product("NVIDIA-GeForce-RTX-5090", "RTX-5090", 31.36, 32607, "Blackwell", (12, 0)),
    Product("NVIDIA-RTX-PRO-6000-Blackwell-Server-Edition", "RTX-PRO-6000", 94.97, 97887, "Blackwell", (12, 0)),
    Product("NVIDIA-B200", "B200", 178.3, 183359, "Blackwell", (10, 0)),
    Product("NVIDIA-GB200", "GB200", 184.0, 189471, "Blackwell", (10, 0)),
    Product("NVIDIA-B300-SXM6-AC", "B300", 267.0, 275040, "Blackwell", (10, 3)),
)

AMD: tuple[Product, ...] = (
    Product("AMD_Instinct_MI210", "MI210", 63.9, 65520, "CDNA2", None),
    Product("AMD_Instinct_MI250X", "MI250X", 63.9, 65520, "CDNA2", None),
    Product("AMD_Instinct_MI300X_OAM", "MI300X", 191.6, 196592, "CDNA3", None),
    Product("AMD_Instinct_MI325X_OAM", "MI325X", 255.6, 262128, "CDNA3", None),
    Product("AMD_Instinct_MI355X_OAM", "MI355X", 287.6, 294896, "CDNA4", None),
)
