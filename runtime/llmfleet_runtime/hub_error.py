"""What the hub's own client raises, by its meaning. Imported by whoever has the client at hand."""

import re

from .source import DownloadReason, SourceRefused

REQUEST_ID = re.compile(r" *\(Request ID:[^)]*\)")
"""Another one for each attempt, and so a change of the status without a meaning."""
MOST_CHARACTERS = 500


def meaning(repository: str, revision: str | None, error: Exception) -> SourceRefused:
    """Why there is no repository. Whatever is no clear no is ``FAILED``, which another attempt may mend.

    The client lets through what its HTTP library raises, which is neither an ``OSError`` nor anything of the client's.
    """
    from huggingface_hub import errors  # noqa: PLC0415 because the client takes half a second, and most pods need none

    if isinstance(error, errors.GatedRepoError):
        return SourceRefused(DownloadReason.ACCESS_DENIED, f"the hub refuses access to {repository}")
    if isinstance(error, errors.RevisionNotFoundError):
        return SourceRefused(DownloadReason.NOT_FOUND, f"{repository} has no revision {revision}")
    if isinstance(error, errors.RepositoryNotFoundError | errors.HFValidationError):
        words = f"the hub knows no {repository}, or does not show it to this token"
        return SourceRefused(DownloadReason.NOT_FOUND, words)
    words = " ".join(REQUEST_ID.sub("", str(error)).split())[:MOST_CHARACTERS]
    return SourceRefused(DownloadReason.FAILED, f"{repository}: {words or type(error).__name__}")
