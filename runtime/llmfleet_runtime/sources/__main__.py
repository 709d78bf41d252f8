"""``python3 -m llmfleet_runtime.sources REQUEST``: answers in lines of JSON, the last of which is the result."""

import ctypes
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

from llmfleet_runtime.source import DownloadReason, SourceRefused

from .bring import bring
from .exchange import Failed, Progressed, Request

EVERY_SECONDS = 0.5
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Numbers of mallopt's parameters (glibc, malloc/malloc.h)."""
KEPT_BYTES = 16 * 2**20


class Speaker:
    """Writes progress, at most twice a second."""

    def __init__(self) -> None:
        """The first word is said at once."""
        self._next = 0.0

    def __call__(self, done: int, total: int, message: str) -> None:
        """See ``store.Report``."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + EVERY_SECONDS
            say(Progressed(done=done, total=total, message=message).to_json())


def say(line: str) -> None:
    """One line, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def untrusting() -> str:
    """What keeps every client from trusting anybody, before its own words; empty when nothing does."""
    bundle = os.environ.get("SSL_CERT_FILE", "")
    if not bundle or Path(bundle).is_file():
        return ""
    return (
        f"{bundle} is missing: give this namespace the ConfigMap that the operator's setting caBundleConfigMap names, "
        "with the key of caBundleKey; "
    )


def keep_memory() -> None:
    """Let the C library keep what pieces were in: else it gives it back, and asks the kernel anew, for each of them.

    Where it has no mallopt, that is only slower.
    """
    with suppress(AttributeError):
        for parameter in (TRIM_THRESHOLD, MMAP_THRESHOLD):
            ctypes.CDLL(None).mallopt(parameter, KEPT_BYTES)


def main() -> None:
    """Fetch what the first argument asks for."""
    keep_memory()
    request = Request.model_validate_json(sys.argv[1])
    try:
        say(bring(request, Speaker()).to_json())
    except SourceRefused as error:
        hint = untrusting() if error.reason is DownloadReason.FAILED else ""
        say(Failed(reason=error.reason, message=f"{hint}{error}").to_json())


if __name__ == "__main__":
    main()
    os._exit(0)
