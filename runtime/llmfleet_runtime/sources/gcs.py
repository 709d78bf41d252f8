"""Google Cloud Storage, by its own client. Who reads: the Secret's credentials, else those of the pod, else nobody.

Not gcsfs: it stands on the same client, is asynchronous, and brings gRPC's packages besides.
"""

import base64
import hashlib
import json
import os
from collections.abc import Iterator
from typing import Any

import google.auth
from google.api_core.exceptions import Forbidden, GoogleAPIError, NotFound, Unauthorized
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, RefreshError
from google.cloud.storage import Blob, Client
from google.oauth2.service_account import Credentials
from requests import RequestException
from urllib3.exceptions import HTTPError

from llmfleet_runtime.contract import GOOGLE_CREDENTIALS
from llmfleet_runtime.source import DownloadReason, SourceRefused

from .store import File, Interrupted, Listing, Store

CHUNK_BYTES = 4 * 2**20
"""One request each; so much is in memory for each of the connections."""
SCOPES = ("https://www.googleapis.com/auth/devstorage.read_only",)
TIMEOUT_SECONDS = (10, 30)
ERRORS = (GoogleAPIError, GoogleAuthError, RequestException, HTTPError, OSError)
NO_PROJECT = "none"
"""Objects are read by their bucket's name; the client wants a project all the same."""


class GoogleStore(Store):
    """The objects below a prefix."""

    pinned: str | None = None

    def __init__(self, uri: str) -> None:
        """``uri`` is gs://BUCKET/PREFIX. Raises ``SourceRefused``."""
        name, _, prefix = uri.removeprefix("gs://").partition("/")
        self._uri, self._prefix = f"gs://{name}", f"{prefix}/" if prefix else ""
        self._client = Client(NO_PROJECT, _credentials(self._uri))
        self._bucket = self._client.bucket(name)

    def listing(self) -> Listing:
        """The objects now; the commit is over their names, sizes and generations."""
        try:
            found = list(
                self._client.list_blobs(self._bucket, prefix=self._prefix, timeout=TIMEOUT_SECONDS, retry=None)
            )
        except ERRORS as error:
            raise self._refused(error) from error
        files = sorted((each for each in found if not each.name.endswith("/")), key=lambda each: each.name)
        there = [(each.name, each.size, each.generation) for each in files]
        commit = hashlib.sha256(repr(there).encode()).hexdigest()[:40]
        return Listing(commit, tuple(map(self._file, files)))

    def _file(self, blob: Blob) -> File:
        """Every object has a checksum but those of a customer's own key."""
        digest = f"crc32c:{base64.b64decode(blob.crc32c).hex()}" if blob.crc32c else None
        return File(blob.name.removeprefix(self._prefix), blob.size, digest, key=f"{blob.name}\0{blob.generation}")

    def stream(self, file: File, start: int, end: int) -> Iterator[bytes]:
        """See ``Store``. Of an object that was replaced meanwhile nothing comes, so that no file is half of each."""
        key, _, generation = file.key.partition("\0")
        blob = self._bucket.blob(key)
        options: dict[str, Any] = {"if_generation_match": int(generation), "raw_download": True, "checksum": None}
        options |= {"timeout": TIMEOUT_SECONDS, "retry": None}
        try:
            while start < end:
                piece = blob.download_as_bytes(start=start, end=min(start + CHUNK_BYTES, end) - 1, **options)
                yield piece
                start += len(piece)
        except ERRORS as error:
            refused = self._refused(error)
            if refused.reason is DownloadReason.FAILED:
                raise Interrupted(str(refused)) from error
            raise refused from error

    def _refused(self, error: Exception) -> SourceRefused:
        words = f"{self._uri}: {' '.join(str(error).split())}"
        if isinstance(error, Forbidden | Unauthorized) or (isinstance(error, RefreshError) and not error.retryable):
            return SourceRefused(DownloadReason.ACCESS_DENIED, words)
        if isinstance(error, NotFound):
            return SourceRefused(DownloadReason.NOT_FOUND, words)
        return SourceRefused(DownloadReason.FAILED, words)


def _credentials(uri: str) -> Any:
    text = os.environ.get(GOOGLE_CREDENTIALS)
    if text is None:
        return _of_the_pod()
    try:
        return Credentials.from_service_account_info(json.loads(text), scopes=SCOPES)
    except (ValueError, TypeError, AttributeError):
        # Not in the library's words, which may hold a part of it.
        words = f"{uri}: the Secret's {GOOGLE_CREDENTIALS} is not the JSON of a service account's key"
        raise SourceRefused(DownloadReason.ACCESS_DENIED, words) from None


def _of_the_pod() -> Any:
    """What the node's metadata server says the pod is; without one, nobody: many buckets are open."""
    try:
        return google.auth.default(SCOPES)[0]
    except DefaultCredentialsError:
        return AnonymousCredentials()
