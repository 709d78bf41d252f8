"""Pure: what the weights of a checkpoint are, in the words that verdicts and the resource are written in."""

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
