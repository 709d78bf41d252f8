"""Why a model could not be read, or not wholly."""

from llmfleet_runtime.findings import InspectionReason


class BadModel(ValueError):
    """A file is broken or says something impossible; the text names the file and the member."""

    reason = InspectionReason.MODEL_INVALID


class UnsafeWeights(BadModel):
    """The weights are in pickled files alone."""

    reason = InspectionReason.UNSAFE_WEIGHTS


class HeadCut(BadModel):
    """There are fewer bytes than the head of a file needs."""


class Packed(OSError):
    """Nothing can be read of the model before all of it is there."""


class NotSaid(LookupError):
    """The files do not say what was asked for; the text names the member. It becomes an entry of ``unknown``."""
