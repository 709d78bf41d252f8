"""What an inspection found: a model's facts, or why there are none. The termination message of the inspection Job."""

from enum import StrEnum
from typing import Literal

from .document import Document
from .facts import ModelFacts


class InspectionReason(StrEnum):
    """Why a model could not be read."""

    MODEL_NOT_FOUND = "ModelNotFound"
    MODEL_ACCESS_DENIED = "ModelAccessDenied"
    MODEL_DOWNLOAD_FAILED = "ModelDownloadFailed"
    """The place gives no answer; another look may succeed."""
    MODEL_INVALID = "ModelInvalid"
    """Files are cut, contradict themselves, or hold no model."""
    UNSAFE_WEIGHTS = "UnsafeWeights"
    """Weights in pickled files alone, which may hold code."""


class Findings(Document):
    """Facts, or a reason with its words. With neither, nothing could be read, and the words say why."""

    version: Literal[1] = 1
    facts: ModelFacts | None = None
    commit: str | None = None
    """What the facts are of: the hub's commit, the registry's digest, or one over the object store's listing."""
    reason: InspectionReason | None = None
    message: str = ""
