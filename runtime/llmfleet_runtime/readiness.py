"""What a pod can say once it is ready: where the time of its start went, and what is unusual about its engine."""

from enum import StrEnum

from .document import Document


class StartupPhases(Document):
    """How long the phases of a pod's start took that the pod can time, seconds."""

    download: float
    """Until the engine was started with all that it needs, and what it then fetched itself."""
    load: float
    """Until it answered."""
    warm_up: float
    """Until it had made a token and served its adapters."""


class WarningReason(StrEnum):
    """Why a pod serves with less than usual."""

    ENGINE_VERSION_UNKNOWN = "EngineVersionUnknown"
    METRIC_UNKNOWN = "MetricUnknown"


class EngineWarning(Document):
    """Something about the engine that does not keep it from serving."""

    reason: str
    """A ``WarningReason``; a later runtime may know more."""
    message: str
