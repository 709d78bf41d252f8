"""A repository on a hub, file by file, by the hub's own client."""

import os
from collections.abc import Iterator
from http import HTTPStatus

from huggingface_hub import HfApi, hf_hub_url
from huggingface_hub.hf_api import RepoSibling
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status, http_stream_backoff

from llmfleet_runtime.contract import HUB_TOKEN
from llmfleet_runtime.hub_error import meaning
from llmfleet_runtime.source import DownloadReason, SourceRefused

from .store import File, Interrupted, Listing, Store, after

TIMEOUT_SECONDS = 20
RETRIES = 2
"""The client's own, of an answer that says that the hub is busy."""


class HubStore(Store):
    """A repository at a revision."""

    pinned: str | None = None

    def __init__(self, uri: str, revision: str | None) -> None:
        """``uri`` is hf://ORG/NAME; ``revision`` a commit, tag or branch, None the hub's main branch."""
        self.name, self._revision = uri.removeprefix("hf://"), revision
        self.token = os.environ.get(HUB_TOKEN, "").strip() or None

    def listing(self) -> Listing:
        """The repository now; the commit is the hub's."""
        try:
            info = HfApi(token=self.token).model_info(
                self.name, revision=self._revision, files_metadata=True, timeout=TIMEOUT_SECONDS
            )
        except Exception as error:  # its HTTP library is none of ours
            raise meaning(self.name, self._revision, error) from error
        commit = str(info.sha)
        return Listing(commit, tuple(self._file(each, commit) for each in info.siblings or ()))

    def _file(self, told: RepoSibling, commit: str) -> File:
        if told.size is None:
            words = f"{self.name}: the hub does not say how large {told.rfilename} is"
            raise SourceRefused(DownloadReason.FAILED, words)
        return File(told.rfilename, told.size, f"sha256:{told.lfs.sha256}" if told.lfs else None, key=commit)

    def stream(self, file: File, start: int, end: int) -> Iterator[bytes]:
        """See ``Store``."""
        # As it is: a packed answer has other bytes than the file.
        headers = {"Range": f"bytes={start}-{end - 1}", "Accept-Encoding": "identity"}
        headers = build_hf_headers(token=self.token) | headers
        url = hf_hub_url(self.name, file.name, revision=file.key)
        try:
            with http_stream_backoff("GET", url, headers=headers, max_retries=RETRIES) as answer:
                hf_raise_for_status(answer)
                is_part = answer.status_code == HTTPStatus.PARTIAL_CONTENT
                yield from after(answer.iter_bytes(), 0 if is_part else start)
        except Exception as error:  # see listing
            refused = meaning(self.name, file.key, error)
            if refused.reason is DownloadReason.FAILED:
                raise Interrupted(str(refused)) from error
            raise refused from error
