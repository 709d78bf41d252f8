"""The parts of the spec that decide what a pod is: a change to any of them makes a new revision."""

from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from llmfleet.api.fields import (
    IMAGE_PATTERN,
    LIST_SET,
    RESOURCE_PATTERN,
    TEXT_PATTERN,
    LabelValue,
    Quantity,
    Resource,
    at_least,
    list_map,
    rule,
    rules,
)
from llmfleet.api.tuning import ChatTemplate, KVCache, Parallelism, PrefixCaching
from llmfleet_runtime.contract import DEFAULT_ENGINE, ENGINES, REFUSED_ENV_NAMES, REFUSED_ENV_PREFIXES, Dialect


def _cel_list(values: tuple[str, ...]) -> str:
    return "[" + ", ".join(f"'{value}'" for value in values) + "]"


ALLOWED_ARGUMENTS = tuple(sorted({name for engine in ENGINES.values() for name in engine.arguments}))
"""Of any engine."""
HOST_ARGUMENTS = tuple(name for engine in ENGINES.values() for name in engine.hosts)
_HOST = "([a-z0-9]([-a-z0-9]*[a-z0-9])?[.])+[a-z]([-a-z0-9]*[a-z0-9])?"
"""A full name as engines compare it: no address in any spelling, no short name."""
MEMORY_SHARE = "gpu-memory-utilization"
"""vLLM's argument, a share of each GPU's memory."""
_SHARE = "(0?[.][0-9]*[1-9][0-9]*|1([.]0*)?)"
NEVER_ASKED = (
    ".localhost",
    ".localdomain",
    "instance-data.ec2.internal",
    "metadata.azure.internal",
    "metadata.goog",
    "metadata.google.internal",
)
"""Ends of full names that stand for the machine itself or for its cloud's metadata."""


class EngineType(StrEnum):
    """Engines that can serve."""

    VLLM = "VLLM"
    LLAMA_CPP = "LlamaCpp"


class DType(StrEnum):
    """Number type of weights and activations."""

    AUTO = "Auto"
    BFLOAT16 = "BFloat16"
    FLOAT16 = "Float16"
    FLOAT32 = "Float32"


class Argument(Resource):
    """One extra option of the engine."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                f"!(self.name in {_cel_list(HOST_ARGUMENTS)}) || !has(self.value) || "
                f"(self.value.matches('^{_HOST}$') && !{_cel_list(NEVER_ASKED)}.exists(d, self.value.endsWith(d)))",
                f"the value of {', '.join(HOST_ARGUMENTS)} is one host by its full name in lower case, such as "
                "images.example.org; no address, and no name of the machine itself or of a cloud's metadata",
                "self.value",
            ),
            rule(
                f"self.name != '{MEMORY_SHARE}' || !has(self.value) || self.value.matches('^{_SHARE}$')",
                f"the value of {MEMORY_SHARE} is a share of the GPU's memory above 0 and at most 1, such as 0.92",
                "self.value",
            ),
        )
    )

    name: Annotated[str, Field(min_length=1, max_length=64)] = Field(
        description="Option name without leading dashes, one of the allowed options.",
        examples=["tool-call-parser"],
        json_schema_extra=rules(
            rule(
                f"self in {_cel_list(ALLOWED_ARGUMENTS)}",
                "not an allowed engine option; write allowed ones in kebab case without dashes (the field reference "
                "lists them), and use the typed fields for the rest",
            )
        ),
    )
    value: Annotated[str, Field(max_length=4096, pattern=TEXT_PATTERN)] | None = Field(
        default=None, description="The option's value, passed byte for byte; absent for a switch."
    )


class EnvVar(Resource):
    """One environment variable of the engine process."""

    name: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] = Field(
        description="Variable name; loader, Python, hub-address, proxy and engine-security variables are refused.",
        json_schema_extra=rules(
            rule(
                f"!(self in {_cel_list(REFUSED_ENV_NAMES)}) && "
                f"!{_cel_list(REFUSED_ENV_PREFIXES)}.exists(p, self.startsWith(p))",
                "loader, Python, hub-address, proxy and engine-security variables are refused; choose another name",
            )
        ),
    )
    value: Annotated[str, Field(max_length=4096, pattern=TEXT_PATTERN)] = Field(
        description="The value, passed byte for byte."
    )


def _own_arguments(engine: Dialect) -> JsonDict:
    """Refuses the options of other engines."""
    of_another = (
        f"has(self.type) && self.type != '{engine.name}'"
        if engine.name == DEFAULT_ENGINE
        else (f"!has(self.type) || self.type != '{engine.name}'")
    )
    return rule(
        f"{of_another} || !has(self.args) || self.args.all(a, a.name in {_cel_list(engine.arguments)})",
        f"engine.args: an option that {engine.name} does not have; the field reference lists each engine's own",
    )


class Engine(Resource):
    """The server program in each pod."""

    model_config = ConfigDict(json_schema_extra=rules(*map(_own_arguments, ENGINES.values())))

    type: EngineType = Field(
        default=EngineType.VLLM,
        description="The engine: VLLM, or LlamaCpp for GGUF files. What one cannot do is refused. Default: VLLM.",
    )
    image: Annotated[str, Field(min_length=1, max_length=512, pattern=IMAGE_PATTERN)] | None = Field(
        default=None,
        description="Container image built from our runtime image. Default: the operator's image for the accelerator, "
        "frozen when a revision is created.",
    )
    max_model_len: Annotated[int, Field(ge=16, le=16_777_216)] | None = Field(
        default=None, description="Longest prompt plus answer, tokens. Default: the longest that fits in memory."
    )
    max_concurrency: Annotated[int, Field(ge=1, le=65_536)] | None = Field(
        default=None,
        description="Most requests in one batch. LlamaCpp keeps maxModelLen tokens of cache for each. Default: the "
        "engine's own.",
    )
    dtype: DType = Field(default=DType.AUTO, description="Number type of weights and activations. Default: Auto.")
    parallelism: Parallelism = Field(default=Parallelism(), description="How a replica is spread over devices.")
    kv_cache: KVCache = Field(default=KVCache(), description="The cache of keys and values.")
    prefix_caching: PrefixCaching = Field(
        default=PrefixCaching.AUTO,
        description="Whether prompts that begin alike share their beginning in the cache. Auto is the engine's own "
        "choice, which is Enabled wherever the model allows it. Default: Auto.",
    )
    chat_template: ChatTemplate | None = Field(
        default=None,
        description="A chat template in place of the model's. Pods that run keep the one they started with.",
    )
    args: tuple[Argument, ...] = Field(
        default=(), max_length=64, description="Extra engine options, by name.", json_schema_extra=list_map("name")
    )
    env: tuple[EnvVar, ...] = Field(
        default=(),
        max_length=64,
        description="Environment variables of the engine process, by name.",
        json_schema_extra=list_map("name"),
    )


class AcceleratorType(StrEnum):
    """What a pod computes on."""

    NVIDIA = "NVIDIA"
    AMD = "AMD"
    CPU = "CPU"


class Accelerator(Resource):
    """The device each replica asks for."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.type) || self.type != 'CPU' || (!has(self.products) && !has(self.resourceName))",
                "products and resourceName are for GPUs; remove them when type is CPU",
            )
        )
    )

    type: AcceleratorType = Field(default=AcceleratorType.NVIDIA, description="Kind of device. Default: NVIDIA.")
    products: tuple[LabelValue, ...] = Field(
        default=(),
        max_length=16,
        description="GPU products as the vendor's feature discovery labels nodes; any of these. Default: any.",
        examples=[["NVIDIA-H100-80GB-HBM3"]],
        json_schema_extra=LIST_SET,
    )
    resource_name: Annotated[str, Field(min_length=3, max_length=317, pattern=RESOURCE_PATTERN)] | None = Field(
        default=None,
        description="Extended resource to ask for, such as a MIG slice. Default: nvidia.com/gpu or amd.com/gpu.",
    )


class ResourceAmounts(Resource):
    """Amounts of the node's own resources."""

    cpu: Quantity | None = Field(default=None, description="CPU cores.", examples=["8"])
    memory: Quantity | None = Field(
        default=None,
        description="Main memory, bytes; at least 256Mi.",
        examples=["96Gi"],
        json_schema_extra=at_least("256Mi", "96Gi"),
    )
    ephemeral_storage: Quantity | None = Field(
        default=None, alias="ephemeral-storage", description="Scratch disk, bytes.", examples=["20Gi"]
    )


def _within_limit(member: str, key: str) -> JsonDict:
    request, limit = f"self.requests{key}", f"self.limits{key}"
    return rule(
        f"!has(self.requests) || !has(self.limits) || !has({request}) || !has({limit}) || "
        f"quantity(string({request})).compareTo(quantity(string({limit}))) <= 0",
        f"requests.{member} must not exceed limits.{member}",
        f"string({request}) + ' and ' + string({limit})",
    )


class Resources(Resource):
    """CPU, memory and disk of each replica. GPUs are not named here: the accelerator says them."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            _within_limit("cpu", ".cpu"),
            _within_limit("memory", ".memory"),
            _within_limit("ephemeral-storage", ".ephemeral__dash__storage"),
        )
    )

    requests: ResourceAmounts | None = Field(default=None, description="What a pod is guaranteed. Default: nothing.")
    limits: ResourceAmounts | None = Field(default=None, description="What a pod may use at most. Default: no limit.")
    shared_memory: Quantity | None = Field(
        default=None, description="Size of /dev/shm, bytes; counts as memory. Default: 1Gi.", examples=["8Gi"]
    )
