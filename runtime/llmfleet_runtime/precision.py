"""Pure: what the weights of a checkpoint are, in the words that verdicts and the resource are written in."""

from collections.abc import Collection
from dataclasses import dataclass

from .facts import QuantizationFacts

_MEETS = {
    "": "None",
    "awq": "AWQ",
    "gptq": "GPTQ",
    "auto-round": "AutoRound",
    "compressed-tensors": "CompressedTensors",
    "bitsandbytes": "BitsAndBytes",
}
_PRECISIONS = ("FP8", "INT8", "NVFP4", "MXFP4", "MXFP8")


@dataclass(frozen=True)
class Precision:
    """What weights are: the format of the checkpoint, and within it the scheme."""

    method: str
    """``quant_method``, with one name for each format; empty for weights that are not quantized."""
    scheme: str = ""
    """Begins with the precision where that has a name; empty where nothing is known."""

    @property
    def meets(self) -> frozenset[str]:
        """The values of ``spec.quantization.method`` that ask for these weights."""
        asked = {_MEETS.get(self.method, ""), self.scheme.split(" ", 1)[0]}
        return frozenset(asked & {*_MEETS.values(), *_PRECISIONS})

    def __str__(self) -> str:
        """As ``awq, 4 bits``."""
        return ", ".join(filter(None, (self.method or "not quantized", self.scheme)))


def precision(facts: QuantizationFacts | None) -> Precision:
    """Of a checkpoint's facts; None are those of one that is not quantized."""
    return Precision(facts.method, facts.scheme or "") if facts else Precision("")


def contradiction(method: str, source: str, found: Precision, made: Collection[str]) -> str:
    """Why weights cannot be what ``spec.quantization`` asks for, with what would do; empty when they can.

    ``made`` are the methods that the engine makes of unquantized weights while it loads them here.
    """
    if method == "Auto" or (method in found.meets and source != "OnTheFly"):
        return ""
    if found.method or method == "None":
        return _otherwise(method, source, found)
    if source != "Checkpoint" and method in made:
        return ""
    reason = "" if method in made else f", and the engine does not make {method} of them"
    return (
        f"the weights are not quantized{reason}; quantization asks for {method} from {source}; "
        f"made while loading here: {', '.join(made)}"
    )


def _otherwise(method: str, source: str, found: Precision) -> str:
    asked = f"{method} made on the fly" if source == "OnTheFly" else method
    fits = ", ".join(sorted(found.meets)) if source != "OnTheFly" else ""
    would = f"quantization.method {fits} fits this checkpoint" if fits else "take a checkpoint that is not quantized"
    return f"the weights are {found}, and quantization asks for {asked}; {would}"
