"""A model where pods would fetch it from, as a folder: small texts whole, of each file of weights the first bytes.

What is listed, picked and read is what a download lists, picks and reads, by the same clients.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from llmfleet_runtime.source import DownloadReason, ModelFiles, SourceRefused
from llmfleet_runtime.sources.exchange import Request
from llmfleet_runtime.sources.pick import entry, is_part_of, pick
from llmfleet_runtime.sources.store import File, Store
from llmfleet_runtime.sources.table import store_of

from .errors import BadModel, HeadCut, Packed
from .folder import KEPT_HEADER, MOST_FILES, MOST_INDEX_BYTES, TEXTS
from .gguf import MOST_HEAD_BYTES
from .gguf import read as read_gguf
from .ranges import read
from .safetensors import LENGTH_BYTES, header_bytes
from .unpacked import Unpacked

READERS = 8
"""What they wait for is the source's answer."""
USUAL_HEADER_BYTES = 128 * 2**10
"""The headers of most safetensors files are shorter: one request then gets all of one."""
HEAD_BYTES = (2**20, 16 * 2**20, MOST_HEAD_BYTES)
"""How much of a GGUF file is read before its head is looked at again: most are as long as their vocabulary."""


def fetch(request: Request) -> tuple[Path, str]:
    """Put what inspection reads of a model into the request's folder.

    What stands for the model there, a folder or a GGUF file, and the commit that a download would tell. Raises
    ``SourceRefused``, ``BadModel`` and ``Packed``.
    """
    try:
        return _fetch(Unpacked(store_of(request)), request.files, Path(request.cache))
    except (SourceRefused, BadModel, Packed):
        raise
    except Exception as error:  # a client may let through what its HTTP library raises
        raise SourceRefused(DownloadReason.FAILED, f"{type(error).__name__}: {error}") from error


def _fetch(store: Store, wanted: ModelFiles, place: Path) -> tuple[Path, str]:
    listing = store.listing()
    files = pick(listing.files, wanted)
    model = entry(file.name for file in files)
    # An engine is told a folder, and reads nothing of the folders within, or a file, which may be in parts.
    used = [file for file in files if (is_part_of(file.name, model) if model else "/" not in file.name)]
    _keep_all(store, used[:MOST_FILES], place)
    return place / PurePosixPath(model).name, listing.commit


def _keep_all(store: Store, files: Iterable[File], place: Path) -> None:
    with ThreadPoolExecutor(READERS) as pool:
        for done in [pool.submit(_keep, store, file, place / PurePosixPath(file.name).name) for file in files]:
            done.result()


def _keep(store: Store, file: File, path: Path) -> None:
    """One file: whole, its first bytes, or its name alone."""
    if path.name in TEXTS:
        path.write_bytes(read(store, file, 0, MOST_INDEX_BYTES))
    elif path.suffix == ".safetensors":
        path.with_name(f"{path.name}{KEPT_HEADER}").write_bytes(_header(store, file))
    elif path.suffix == ".gguf":
        path.write_bytes(_head(store, file))
    else:
        path.touch()


def _header(store: Store, file: File) -> bytes:
    """Of a safetensors file."""
    head = read(store, file, 0, USUAL_HEADER_BYTES)
    length = LENGTH_BYTES + header_bytes(file.name, head, file.size)
    return head[:length] if length <= len(head) else head + read(store, file, len(head), length)


def _head(store: Store, file: File) -> bytes:
    """Of a GGUF file: whoever reads it finds where it ends."""
    head = b""
    for most in HEAD_BYTES:
        head += read(store, file, len(head), most)
        try:
            read_gguf(file.name, head)
            break
        except HeadCut:
            continue
    return head
