"""``engine.json`` in the contract: all that starts an engine."""

from typing import Literal

from pydantic import Field

from .document import Document
from .lora import LoraLimits
from .source import ModelFiles

SERVING_PORT = 8000


class NamedValue(Document):
    """One extra engine argument (``--name value``; a flag without value) or environment variable."""

    name: str
    value: str | None = None


class Quantization(Document):
    """What the weights must be: the words of the resource's ``spec.quantization``."""

    method: str = "Auto"
    source: str = "Any"


class EngineConfig(Document):
    """``engine.json``: all the launcher needs to start the engine. Fixed for the pod's life."""

    version: Literal[1] = 1
    engine: str | None = None
    """A word of the resource's ``engine.type``; absent is the default."""
    model: str
    """A folder in the container, a hub repository's name, or an address that the launcher fetches first."""
    revision: str | None = None
    """Hub commit, tag or branch; only with a repository name."""
    files: ModelFiles | None = None
    """Which files are fetched; absent: whatever an engine needs."""
    sha256: str | None = None
    """Of an archive on the web, 64 hex digits."""
    task: str | None = None
    """A word of the resource's ``model.task``; absent is whatever the model was made for."""
    served_names: tuple[str, ...] = Field(min_length=1)
    max_model_len: int | None = None
    """Tokens; absent means the engine's own ``auto``."""
    max_concurrency: int | None = None
    """Sequences in one batch."""
    dtype: str = "auto"
    lora: LoraLimits | None = None
    """Absent: the engine takes no adapters."""
    quantization: Quantization | None = None
    """Absent: whatever the checkpoint is."""
    tensor_parallel: int | None = None
    """Devices that every layer is split over; absent means one."""
    kv_cache_dtype: str | None = None
    """A word of the resource's ``engine.kvCache.dtype``; absent is the model's own."""
    prefix_caching: bool | None = None
    """Absent is the engine's own choice."""
    args: tuple[NamedValue, ...] = ()
    env: tuple[NamedValue, ...] = ()
    endpoint_lag_seconds: float = 8.0
    """How long a leaving pod keeps serving so that every proxy has forgotten it."""
    drain_timeout_seconds: float = 120.0
    """Used until a live document says otherwise."""
    startup_timeout_seconds: float = 1200.0
