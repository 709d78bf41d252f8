"""Why a model could not be read, or not wholly."""

from llmfleet_runtime.findings import InspectionReason


class BadModel(ValueError):
    """A file is broken or says something impossible; the text names the file and the member."""

    reason = InspectionReason.MODEL_INVALID


class UnsafeWeights(BadModel):
    """The weights are in pickled files alone."""

    reason = InspectionReason.UNSAFE_WEIGHTS


class Unreachable(OSError):
    """The model's files cannot be had; the text has the words of the place."""

    def __init__(self, reason: InspectionReason, message: str) -> None:
        """``message`` is for the status."""
        super().__init__(message)
        self.reason = reason


class NotSaid(LookupError):
    """The files do not say what was asked for; the text names the member. It becomes an entry of ``unknown``."""
