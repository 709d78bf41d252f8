"""What the served weights must be. A requirement, not a flag: what meets it is found out in the pod."""

from enum import StrEnum

from pydantic import ConfigDict, Field

from llmfleet.api.fields import Resource, rule, rules
from llmfleet_runtime.contract import QUANTIZING_METHODS


class Method(StrEnum):
    """Precisions and formats of weights that can be asked for."""

    AUTO = "Auto"
    NONE = "None"
    FP8 = "FP8"
    INT8 = "INT8"
    AWQ = "AWQ"
    GPTQ = "GPTQ"
    AUTO_ROUND = "AutoRound"
    COMPRESSED_TENSORS = "CompressedTensors"
    NVFP4 = "NVFP4"
    MXFP4 = "MXFP4"
    MXFP8 = "MXFP8"
    BITS_AND_BYTES = "BitsAndBytes"


class Source(StrEnum):
    """Where quantized weights may come from."""

    ANY = "Any"
    CHECKPOINT = "Checkpoint"
    ON_THE_FLY = "OnTheFly"
    PRODUCED = "Produced"


MADE_ON_THE_FLY = (Method.FP8, Method.MXFP4, Method.MXFP8, Method.BITS_AND_BYTES)
"""Methods that the engine makes of any unquantized model while it loads it.

vllm/config/quantization.py has more names, which quantize the experts of a mixture alone and leave any other model as
it is: these are not offered.
"""
NOT_ON_CPU = (Method.NVFP4, Method.MXFP4, Method.MXFP8)
"""The CPU build has no kernel for them, whatever the checkpoint (tried with vLLM 0.32)."""
NOT_WITH_FLOAT32 = (Method.AWQ, Method.GPTQ, Method.AUTO_ROUND)
"""vLLM 0.32: get_supported_act_dtypes of auto_awq.py, auto_gptq.py, inc/inc.py."""


def _cel(methods: tuple[str, ...]) -> str:
    return "[" + ", ".join(f"'{each}'" for each in methods) + "]"


def listed(methods: tuple[str, ...]) -> str:
    """``FP8, MXFP4 or MXFP8``."""
    return f"{', '.join(methods[:-1])} or {methods[-1]}" if len(methods) > 1 else "".join(methods)


class Quantization(Resource):
    """What the served weights must be; a wrong combination stops a new revision and leaves the running one alone."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.source) || (has(self.method) && !(self.method in ['Auto', 'None']))",
                "source says where quantized weights come from; give a method other than Auto and None, or remove it",
            ),
            rule(
                f"!has(self.source) || self.source != 'OnTheFly' || !has(self.method) || "
                f"self.method in {_cel((Method.AUTO, Method.NONE, *MADE_ON_THE_FLY))}",
                f"only {listed(MADE_ON_THE_FLY)} can be made OnTheFly; set source to Checkpoint",
                "self.method",
            ),
            rule(
                f"!has(self.source) || self.source != 'Produced' || !has(self.method) || "
                f"self.method in {_cel(('Auto', 'None', *QUANTIZING_METHODS))}",
                f"only {listed(QUANTIZING_METHODS)} can be Produced; set source to Checkpoint",
                "self.method",
            ),
        )
    )

    method: Method = Field(
        default=Method.AUTO,
        description="What the weights must be. Auto is whatever the checkpoint is, None not quantized. FP8, INT8, "
        "NVFP4, MXFP4 and MXFP8 are precisions, the others formats of a checkpoint. Default: Auto.",
    )
    source: Source = Field(
        default=Source.ANY,
        description="Where they may come from. Checkpoint: the model's files hold them. OnTheFly: the engine makes "
        f"them while it loads an unquantized model ({listed(MADE_ON_THE_FLY)}). Any: the one or the other. Produced: a "
        f"Job makes a checkpoint of an unquantized model ({listed(QUANTIZING_METHODS)}) in the claim of model.cache, "
        "before the pods that serve it; it takes hours for a large model. Default: Any.",
    )


_METHOD = "has(self.quantization) && has(self.quantization.method)"
_IS_CPU = "has(self.accelerator) && has(self.accelerator.type) && self.accelerator.type == 'CPU'"
_IS_FLOAT32 = "has(self.engine) && has(self.engine.dtype) && self.engine.dtype == 'Float32'"
_ON_THE_FLY = "has(self.quantization.source) && self.quantization.source == 'OnTheFly'"
_PRODUCED = "has(self.quantization) && has(self.quantization.source) && self.quantization.source == 'Produced'"
_ON_A_CLAIM = "has(self.model.cache) && has(self.model.cache.persistentVolumeClaim)"

SPEC_RULES = (
    rule(
        f"!({_METHOD}) || !({_IS_CPU}) || !(self.quantization.method in {_cel(NOT_ON_CPU)})",
        f"quantization.method {listed(NOT_ON_CPU)} does not run on CPUs; use FP8, INT8, AWQ, GPTQ, AutoRound, "
        "CompressedTensors or BitsAndBytes",
        "self.quantization.method",
    ),
    rule(
        f"!({_METHOD}) || !({_IS_FLOAT32}) || !(self.quantization.method in {_cel(NOT_WITH_FLOAT32)} || "
        f"({_ON_THE_FLY} && self.quantization.method != 'BitsAndBytes'))",
        f"engine.dtype Float32 does not go with {listed(NOT_WITH_FLOAT32)}, nor with what is made OnTheFly; "
        "set engine.dtype to Auto",
        "self.quantization.method",
    ),
    rule(
        f"!({_PRODUCED}) || ({_ON_A_CLAIM})",
        "quantization.source Produced keeps what is made on a claim that the pods share; set model.cache to type "
        "PersistentVolumeClaim",
    ),
    rule(
        f"!({_PRODUCED}) || (self.model.uri.matches('^(hf|pvc)://') && !has(self.model.files))",
        "quantization.source Produced is for whole hf:// and pvc:// models; make others with llmfleet quantize, and "
        "remove model.files",
    ),
)
"""What the spec alone tells about method, accelerator, dtype and place."""
