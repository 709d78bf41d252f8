"""How the engine lays out its work: over GPUs, in the KV cache, in prefixes and in chats."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from llmfleet.api.fields import ObjectName, Resource, rule

MOST_GPUS = 16
"""As many as one machine has."""


class Parallelism(Resource):
    """How a replica is spread over devices."""

    tensor: Annotated[int, Field(ge=1, le=MOST_GPUS)] = Field(
        default=1,
        description="GPUs of one node that each replica asks for and splits every layer over; on CPUs, processes. Must "
        "divide the model's attention heads. Default: 1.",
    )


class KVCacheDType(StrEnum):
    """Number type of the KV cache."""

    AUTO = "Auto"
    FP8 = "FP8"
    FP8_E5M2 = "FP8E5M2"
    INT8_PER_TOKEN_HEAD = "INT8PerTokenHead"  # noqa: S105 because it names a number type, no secret
    NVFP4 = "NVFP4"


class KVCache(Resource):
    """Keys and values of the tokens in flight and of prefixes that are kept."""

    dtype: KVCacheDType = Field(
        default=KVCacheDType.AUTO,
        description="Number type of the cache. Auto is that of the model; FP8 holds twice as many tokens. On CPUs: "
        "Auto, FP8 or FP8E5M2. Default: Auto.",
    )


class PrefixCaching(StrEnum):
    """Whether the cache of a prompt's beginning is used again."""

    AUTO = "Auto"
    ENABLED = "Enabled"
    DISABLED = "Disabled"


class ChatTemplate(Resource):
    """A key of a ConfigMap in this namespace."""

    config_map_name: ObjectName = Field(description="Name of the ConfigMap.")
    key: Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")] = Field(
        description="Key whose value is a Jinja chat template, at most 128 KiB.", examples=["llama.jinja"]
    )


_TYPE = "has(self.accelerator) && has(self.accelerator.type)"
_DTYPE = "has(self.engine) && has(self.engine.kvCache) && has(self.engine.kvCache.dtype)"
_IS_SPLIT = (
    "has(self.engine) && has(self.engine.parallelism) && has(self.engine.parallelism.tensor) && "
    "self.engine.parallelism.tensor > 1"
)

SPEC_RULES = (
    rule(
        f"!({_TYPE} && self.accelerator.type == 'CPU') || !({_DTYPE}) || "
        "self.engine.kvCache.dtype in ['Auto', 'FP8', 'FP8E5M2']",
        "on CPUs engine.kvCache.dtype is Auto, FP8 or FP8E5M2: the engine takes others, too, and then answers nonsense",
        "self.engine.kvCache.dtype",
    ),
    rule(
        f"!({_TYPE} && self.accelerator.type == 'AMD') || !({_DTYPE}) || self.engine.kvCache.dtype != 'NVFP4'",
        "engine.kvCache.dtype NVFP4 is for NVIDIA GPUs; use FP8",
    ),
    rule(
        f"!({_IS_SPLIT}) || !has(self.accelerator) || !has(self.accelerator.resourceName) || "
        "!self.accelerator.resourceName.contains('/mig-')",
        "a replica cannot be spread over MIG slices: a process sees only one of them; set engine.parallelism.tensor "
        "to 1, or ask for whole GPUs",
        "self.accelerator.resourceName",
    ),
)
"""What the spec alone tells about these and the accelerator."""
