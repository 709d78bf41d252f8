"""A hub's repository as a folder: small texts whole, of each file of weights the first bytes, by the hub's own client.

Imported late: the client takes half a second, and folders need nothing of it.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from huggingface_hub import HfApi, hf_hub_url
from huggingface_hub.hf_api import RepoSibling
from huggingface_hub.utils import build_hf_headers, hf_raise_for_status, http_stream_backoff

from llmfleet_runtime.findings import InspectionReason
from llmfleet_runtime.hub_error import meaning

from .errors import BadModel, Unreachable
from .folder import KEPT_HEADER, MOST_FILES, MOST_INDEX_BYTES, TEXTS
from .gguf import MOST_HEAD_BYTES
from .safetensors import LENGTH_BYTES, header_bytes

READ_AT_ONCE = 16
USUAL_HEADER_BYTES = 128 * 2**10
"""The headers of most files are shorter: one request then gets all of one."""
RETRIES = 2
UNKNOWN_BYTES = 2**63
"""Of a file whose size the hub does not tell."""


def fetch(repository: str, revision: str | None, token: str | None, place: Path) -> str | None:
    """Put what inspection reads of a repository into ``place``; the commit. Raises ``Unreachable`` and ``BadModel``."""
    try:
        found = HfApi(token=token).model_info(repository, revision=revision, files_metadata=True)
        _keep_all(_Source(repository, found.sha or revision, token), found.siblings or (), place)
    except BadModel:
        raise
    except Exception as error:  # whatever it is, it is told in the hub's own words
        refusal = meaning(repository, revision, error)
        raise Unreachable(InspectionReason(refusal.reason), str(refusal)) from error
    return str(found.sha) if found.sha else None


class _Source(NamedTuple):
    """A repository at a commit."""

    repository: str
    revision: str | None
    token: str | None

    def first(self, name: str, most: int) -> bytes:
        """The first bytes of a file."""
        headers = build_hf_headers(token=self.token) | {"Range": f"bytes=0-{most - 1}"}
        url = hf_hub_url(self.repository, name, revision=self.revision)
        data = bytearray()
        with http_stream_backoff("GET", url, headers=headers, max_retries=RETRIES) as answer:
            hf_raise_for_status(answer)
            for part in answer.iter_bytes():  # a place that knows no ranges sends all there is
                data += part
                if len(data) >= most:
                    break
        return bytes(data[:most])


def _keep_all(source: _Source, files: Iterable[RepoSibling], place: Path) -> None:
    """Files of folders within are not served."""
    wanted = [each for each in files if "/" not in each.rfilename][:MOST_FILES]
    with ThreadPoolExecutor(READ_AT_ONCE) as pool:
        for done in [pool.submit(_keep, source, each.rfilename, each.size, place) for each in wanted]:
            done.result()


def _keep(source: _Source, name: str, size: int | None, place: Path) -> None:
    """One file: whole, its first bytes, or its name alone."""
    if name in TEXTS:
        (place / name).write_bytes(source.first(name, MOST_INDEX_BYTES))
    elif name.endswith(".safetensors"):
        (place / f"{name}{KEPT_HEADER}").write_bytes(_header(source, name, UNKNOWN_BYTES if size is None else size))
    elif name.endswith(".gguf"):
        (place / name).write_bytes(source.first(name, MOST_HEAD_BYTES))
    else:
        (place / name).touch()


def _header(source: _Source, name: str, size: int) -> bytes:
    head = source.first(name, USUAL_HEADER_BYTES)
    length = LENGTH_BYTES + header_bytes(name, head, size)
    return head[:length] if length <= len(head) else source.first(name, length)
