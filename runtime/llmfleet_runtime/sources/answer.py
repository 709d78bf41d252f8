"""What a server's answer means for a download."""

from collections.abc import Iterator

import requests

from llmfleet_runtime.source import DownloadReason, SourceRefused

from .store import Interrupted, after

CHUNK_BYTES = 2**18
"""Larger ones leave the processor's cache before they are written."""
DENIED = (401, 403)
ABSENT = (404, 410)


def good(answer: requests.Response, uri: str) -> requests.Response:
    """The answer, if it is one. Raises SourceRefused when asking again is no use, else Interrupted."""
    if answer.ok:
        return answer
    answer.close()
    words = f"{uri}: {answer.status_code} {answer.reason}"
    if answer.status_code in ABSENT:
        raise SourceRefused(DownloadReason.NOT_FOUND, words)
    if answer.status_code in DENIED:
        raise SourceRefused(DownloadReason.ACCESS_DENIED, words)
    raise Interrupted(words)


def pieces(answer: requests.Response, uri: str, skipped: int) -> Iterator[bytes]:
    """The answer's bytes but for the first ``skipped``. Raises ``Interrupted``."""
    try:
        yield from after(answer.iter_content(CHUNK_BYTES), skipped)
    except (requests.RequestException, OSError) as error:
        raise Interrupted(f"{uri}: {error}") from error
