"""What can be said of quantized checkpoints before and after they are made: who serves them, and what they cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from llmfleet.api.quantization import NOT_ON_CPU, Method, listed
from llmfleet.core.capability import needed_to_produce, shown
from llmfleet.core.fit.accelerators import Accelerator
from llmfleet.core.fit.planner import Fit
from llmfleet_runtime.contract import QUANTIZING_METHODS, Made


def refusal(methods: Sequence[str], accelerator: Accelerator) -> str:
    """Why vLLM would not serve one of these there, and what it would; empty when it would serve all."""
    refused = [method for method in methods if not is_served(method, accelerator)]
    if not refused:
        return ""
    works = [method for method in QUANTIZING_METHODS if is_served(method, accelerator)]
    would = f"{listed(tuple(works))} would work there" if works else "none of these methods works there"
    return f"vLLM does not serve {refused[0]} on {_words(accelerator)}; {would}"


def is_served(method: str, accelerator: Accelerator) -> bool:
    """Of a GPU whose generation is not known, the engine has the last word."""
    if accelerator.vendor == "CPU":
        return method not in NOT_ON_CPU
    least = needed_to_produce(Method(method), accelerator.vendor)
    return accelerator.architecture is None or accelerator.architecture >= least


def _words(accelerator: Accelerator) -> str:
    if accelerator.architecture is None:
        return accelerator.product
    found = shown(accelerator.architecture, accelerator.vendor)
    what = "compute capability" if accelerator.vendor == "NVIDIA" else "generation"
    return f"{accelerator.product}, whose {what} is {found}"


@dataclass(frozen=True)
class Compared:
    """One checkpoint beside its source."""

    made: Made
    fit: Fit
    source: Made

    @property
    def name(self) -> str:
        """The method; ``source`` for the source."""
        return self.made.method or "source"

    @property
    def size_ratio(self) -> float:
        """Of the files."""
        return self.made.bytes / self.source.bytes

    @property
    def perplexity_ratio(self) -> float:
        """Above 1: worse than the source."""
        return self.made.quality.perplexity / self.source.quality.perplexity

    @property
    def memory_bytes(self) -> int:
        """Predicted of one device: everything but the cache, and the cache of one request of the longest context."""
        return sum(each.bytes for each in self.fit.shares) + (self.fit.needed_bytes or 0)

    @property
    def weight_bytes(self) -> int:
        """Predicted, in the device's memory."""
        return self.fit.shares[0].bytes if self.fit.shares else 0


def document(compared: Sequence[Compared]) -> list[dict[str, Any]]:
    """For programs; sizes in bytes, times in seconds."""
    return [
        {
            **each.made.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"kind"}),
            "method": each.name,
            "sizeRatio": round(each.size_ratio, 4),
            "perplexityRatio": round(each.perplexity_ratio, 5),
            "predicted": {
                "product": each.fit.accelerator.product,
                "verdict": each.fit.verdict.value,
                "weightBytes": each.weight_bytes,
                "memoryBytes": each.memory_bytes,
                "maxModelLen": each.fit.max_model_len,
            },
        }
        for each in compared
    ]
