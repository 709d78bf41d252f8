"""LoRA adapters in the contract: what the engine reserves, what shall be served, how each stands."""

import hashlib
import json
from enum import StrEnum

from pydantic import Field

from .document import Document

ADAPTER_NAME_PATTERN = "^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
ADAPTER_NAME_CHARACTERS = 63
ADAPTER_MESSAGE_CHARACTERS = 256
RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""vLLM's choices of max_lora_rank (``vllm/config/lora.py``), but for 1."""


class LoraLimits(Document):
    """What the engine reserves for adapters; fixed for the pod's life."""

    max_adapters: int = Field(ge=1)
    max_per_batch: int = Field(ge=1)
    max_rank: int = Field(ge=1)


class Adapter(Document):
    """One LoRA adapter that a pod shall serve under ``name``."""

    name: str = Field(pattern=ADAPTER_NAME_PATTERN, max_length=ADAPTER_NAME_CHARACTERS)
    uri: str
    revision: str | None = None
    """Hub commit, tag or branch."""

    @property
    def key(self) -> str:
        """Ten hex digits that tell one version of an adapter from another."""
        return hashlib.sha256(json.dumps((self.uri, self.revision)).encode()).hexdigest()[:10]

    @property
    def version(self) -> str:
        """The engine's name for this version, with an @ as no model's: unlike ``name`` it never means other weights."""
        return f"{self.name}@{self.key}"


class AdapterState(StrEnum):
    """How one adapter stands in one pod."""

    LOADING = "Loading"
    LOADED = "Loaded"
    FAILED = "Failed"


class AdapterReason(StrEnum):
    """Why an adapter failed."""

    NOT_FOUND = "AdapterNotFound"
    ACCESS_DENIED = "AdapterAccessDenied"
    DOWNLOAD_FAILED = "AdapterDownloadFailed"
    INVALID = "AdapterInvalid"
    UNSUPPORTED = "AdapterUnsupported"
    RANK_TOO_HIGH = "AdapterRankTooHigh"
    BASE_MISMATCH = "AdapterBaseMismatch"
    DISK_FULL = "DiskFull"
    REFUSED = "AdapterRefused"
    """The engine's own no; the message has its words."""


class AdapterStatus(Document):
    """How one adapter stands in one pod. A failed one is tried again; an earlier version serves on meanwhile."""

    name: str
    key: str
    """``Adapter.key`` of the version that this speaks of."""
    state: AdapterState
    reason: str | None = None
    """An ``AdapterReason``; a later runtime may know more."""
    message: str = ""
    serving: str | None = None
    """Key of the version that answers under this name; absent while none does."""
    commit: str | None = None
    """What the hub made of the revision when this pod asked."""
