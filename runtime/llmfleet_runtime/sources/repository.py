"""A repository on a hub, by the hub's own client and in its own cache, which publishes each file whole.

The client goes on where a connection was cut. Of a download that was killed the whole files are kept: the client gives
each attempt at a file another name, and never goes on with what it finds. It verifies sizes; the hashes are ours.
"""

import os
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from filelock import Timeout
from huggingface_hub import constants, snapshot_download
from huggingface_hub.constants import HF_HUB_CACHE
from huggingface_hub.file_download import repo_folder_name
from huggingface_hub.utils import WeakFileLock, disable_progress_bars

from llmfleet_runtime.hub_error import meaning
from llmfleet_runtime.source import DownloadReason, SourceRefused

from .cache import FULL, Shelf, locked, need_room
from .digest import mismatch
from .exchange import Fetched, Request
from .hub import HubStore
from .pick import entry, pick
from .store import File, Listing, Report

POLL_SECONDS = 0.5
LOCK_SECONDS = 0.01
PIECE_BYTES = 2**18
"""What is written at once. The client's ten mebibytes take half of the speed, and five times the memory."""


def bring(request: Request, report: Report) -> Fetched:
    """Fetch what is not there yet. Raises ``SourceRefused``, and ``OSError`` of the disk."""
    disable_progress_bars()
    constants.DOWNLOAD_CHUNK_SIZE = PIECE_BYTES
    hub, shelf = HubStore(request.uri, request.revision), Shelf(request)
    root = Path(HF_HUB_CACHE) / repo_folder_name(repo_id=hub.name, repo_type="model")
    latest = shelf.latest()
    if latest and latest == request.revision and (root / "snapshots" / latest).is_dir():
        return _fetched(root, latest, request)
    try:
        listing = hub.listing()
        listing = listing.only(pick(listing.files, request.files))
    except SourceRefused as error:
        if error.reason is not DownloadReason.FAILED or latest is None or not (root / "snapshots" / latest).is_dir():
            raise
        return _fetched(root, latest, request, f"from the cache, since the hub gives no answer: {error}")
    if not _is_whole(root, listing):
        with locked(root / f"{listing.commit}.lock", lambda: report(0, listing.size, "another pod downloads it")):
            _download(hub, listing, root, report)
    shelf.point(listing.commit)
    return _fetched(root, listing.commit, request)


def _fetched(root: Path, commit: str, request: Request, message: str = "") -> Fetched:
    snapshot = root / "snapshots" / commit
    there = [File(str(path.relative_to(snapshot)), 0) for path in snapshot.rglob("*") if path.is_file()]
    model = snapshot / entry(file.name for file in pick(there, request.files))
    return Fetched(path=str(model), commit=commit, message=message)


def _download(hub: HubStore, listing: Listing, root: Path, report: Report) -> None:
    snapshot, doubt = root / "snapshots" / listing.commit, _doubt(root, listing)
    missing = [file for file in listing.files if not _is_there(snapshot, file)]
    unsure = listing.files if doubt.exists() else missing
    _remove_unfinished(root)
    need_room(root, sum(file.size for file in missing))
    doubt.touch()
    _bring(hub, listing, root, report)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda file: _verify(snapshot, file), unsure))
    doubt.unlink()


def _bring(hub: HubStore, listing: Listing, root: Path, report: Report) -> None:
    over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(root, listing, report, over), daemon=True)
    watcher.start()
    try:
        names = [_literal(file.name) for file in listing.files]
        snapshot_download(hub.name, revision=listing.commit, token=hub.token, allow_patterns=names)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in FULL:
            raise
        raise meaning(hub.name, listing.commit, error) from error
    finally:
        over.set()
        watcher.join()


def _remove_unfinished(root: Path) -> None:
    """What killed downloads left behind. While a file is fetched, its fetcher has it locked."""
    for path in root.glob("blobs/*.incomplete"):
        lock = root.parent / ".locks" / root.name / f"{path.name.partition('.')[0]}.lock"
        with suppress(Timeout), WeakFileLock(lock, timeout=LOCK_SECONDS):
            path.unlink(missing_ok=True)


def _verify(snapshot: Path, file: File) -> None:
    path = snapshot / file.name
    found = path.stat().st_size
    if found != file.size:
        path.resolve().unlink()
        raise SourceRefused(DownloadReason.FAILED, f"{file.name} has {found} bytes and should have {file.size}")
    if words := mismatch(path, file, file.digest):
        path.resolve().unlink()
        raise SourceRefused(DownloadReason.FAILED, words)


def _watch(root: Path, listing: Listing, report: Report, over: threading.Event) -> None:
    """Report what has come, as the disk shows it: the client has no word of it that covers all its ways."""
    already = _size(root)
    kept = sum(file.size for file in listing.files if _is_there(root / "snapshots" / listing.commit, file))
    while not over.wait(POLL_SECONDS):
        report(min(listing.size, kept + _size(root) - already), listing.size, "")


def _size(root: Path) -> int:
    return sum(path.stat().st_size for path in root.glob("blobs/*") if path.is_file())


def _is_there(snapshot: Path, file: File) -> bool:
    path = snapshot / file.name
    return path.is_file() and path.stat().st_size == file.size


def _is_whole(root: Path, listing: Listing) -> bool:
    snapshot = root / "snapshots" / listing.commit
    return not _doubt(root, listing).exists() and all(_is_there(snapshot, file) for file in listing.files)


def _doubt(root: Path, listing: Listing) -> Path:
    """There as long as files of the commit may be other than the hub says. Without a download there is none."""
    return root / f"{listing.commit}.unverified"


def _literal(name: str) -> str:
    """A name as a pattern that matches nothing else."""
    return re.sub(r"([*?[])", r"[\1]", name)
