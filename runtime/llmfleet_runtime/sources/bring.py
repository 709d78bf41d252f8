"""A model from its store into the cache: found out, given room, fetched, verified, unpacked, published."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from llmfleet_runtime.source import DownloadReason, ModelFiles, SourceRefused

from .archive import inside, unpack
from .cache import FULL, Shelf, locked, need_room
from .digest import mismatch
from .exchange import Fetched, Request
from .fetch import JOURNAL, WORKERS, fetch, forget, missing
from .pick import entry, pick
from .store import Listing, Report, Store
from .table import store_of


def bring(request: Request, report: Report) -> Fetched:
    """The model's place in the cache, fetched if need be. Raises ``SourceRefused``."""
    try:
        if request.uri.startswith("hf://"):
            from . import repository  # noqa: PLC0415 because its client takes half a second to import

            return repository.bring(request, report)
        return _bring(request, store_of(request), report)
    except OSError as error:
        if error.errno in FULL:
            words = "the cache's disk became full during the download"
            raise SourceRefused(DownloadReason.DISK_FULL, words) from error
        raise SourceRefused(DownloadReason.FAILED, f"the cache cannot be written: {error}") from error


def _bring(request: Request, store: Store, report: Report) -> Fetched:
    shelf = Shelf(request)
    if store.pinned and shelf.place(store.pinned).is_dir():
        return _fetched(shelf, store.pinned)
    try:
        listing = store.listing()
    except SourceRefused as error:
        latest = shelf.latest()
        if error.reason is not DownloadReason.FAILED or latest is None or not shelf.place(latest).is_dir():
            raise
        return _fetched(shelf, latest, f"from the cache, since the source gives no answer: {error}")
    listing = listing.only(pick(listing.files, request.files))
    with locked(shelf.folder / "lock", lambda: report(0, listing.size, "another pod downloads it")):
        if not shelf.place(listing.commit).is_dir():
            _download(request, store, listing, shelf, report)
        shelf.point(listing.commit)
    return _fetched(shelf, listing.commit)


def _download(request: Request, store: Store, listing: Listing, shelf: Shelf, report: Report) -> None:
    folder = shelf.staging(listing.commit)
    left = sum(each.end - each.start for each in missing(listing, folder))
    need_room(folder, left + sum(file.size for file in listing.files if file.is_archive))
    report(listing.size - left, listing.size, "")
    fetch(store, listing, folder, report)
    _verify(store, listing, folder)
    _unpack(folder, listing, request.files)
    (folder / JOURNAL).unlink(missing_ok=True)
    entry(_names(folder))
    shelf.publish(listing.commit)


def _verify(store: Store, listing: Listing, folder: Path) -> None:
    """Raises ``SourceRefused`` when bytes are not those that were promised; only those files are fetched anew."""
    with ThreadPoolExecutor(WORKERS) as pool:
        found = pool.map(lambda file: mismatch(folder / file.name, file, store.digest(file)), listing.files)
        wrong = {file: words for file, words in zip(listing.files, found, strict=True) if words}
    for file in wrong:
        forget(file, folder)
    if wrong:
        raise SourceRefused(DownloadReason.FAILED, next(iter(wrong.values())))


def _unpack(folder: Path, listing: Listing, wanted: ModelFiles) -> None:
    """Archives become the files in them that are asked for; a later archive's file replaces an earlier one's."""
    archives = [file for file in listing.files if file.is_archive]
    members = {file.name: inside(folder / file.name, file.root) for file in archives}
    loose = [file for file in listing.files if not file.is_archive]
    chosen = set(pick([*loose, *(each for found in members.values() for each in found)], wanted))
    need_room(folder, sum(file.size for file in chosen.difference(loose)))
    for name, found in members.items():
        unpack(folder / name, [each for each in found if each in chosen], folder)


def _fetched(shelf: Shelf, commit: str, message: str = "") -> Fetched:
    place = shelf.place(commit)
    return Fetched(path=str(place / entry(_names(place))), commit=commit, message=message)


def _names(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
