"""Where a model comes from, in the contract: which files of it, how a download stands, and why one cannot be."""

from enum import StrEnum

from pydantic import Field

from .document import Document

REMOTE_SCHEMES = ("hf", "s3", "gs", "http", "https", "oci")
"""What a pod fetches before its engine starts; everything else is a folder in the container."""


class ModelFiles(Document):
    """Which files of a model are fetched, as shell patterns over paths below its address."""

    include: tuple[str, ...] = ()
    """Empty: whatever an engine needs."""
    exclude: tuple[str, ...] = ()


class DownloadReason(StrEnum):
    """Why a model cannot be had; all but ``FAILED`` need a change by somebody."""

    NOT_FOUND = "ModelNotFound"
    ACCESS_DENIED = "ModelAccessDenied"
    UNSAFE = "UnsafeWeights"
    DISK_FULL = "DiskFull"
    FAILED = "ModelDownloadFailed"


class SourceRefused(Exception):
    """The model cannot be had; the text is for people."""

    def __init__(self, reason: DownloadReason, message: str) -> None:
        """``reason`` is told to the operator."""
        super().__init__(message)
        self.reason = reason


class DownloadStatus(Document):
    """How the download stands, in the phase Downloading."""

    bytes_done: int = 0
    """Of this model, those that an earlier start fetched included."""
    bytes_total: int | None = None
    """Absent until the source has told."""
    bytes_per_second: float = Field(default=0.0, ge=0)
    """Over the last seconds."""
    seconds_left: float | None = None
    """At this speed; absent while nothing comes."""
    reason: str | None = None
    """Why the last attempt failed; absent while one is under way. A ``DownloadReason``."""
    message: str = ""
    """That failure in words, or what is waited for."""
    retry_at: float | None = None
    """Unix time of the next attempt, seconds; only after a failure."""

    @property
    def percent(self) -> int | None:
        """0 to 100, rounded down; None until the source has told how much it is."""
        if self.bytes_total is None:
            return None
        return min(100, 100 * self.bytes_done // self.bytes_total) if self.bytes_total else 100
