"""Tar files: what is in them, as far as an engine needs it and it stays inside."""

import hashlib
import tarfile
from pathlib import Path

from llmfleet_runtime.source import DownloadReason, ModelFiles, SourceRefused

from .cache import need_room
from .pick import pick
from .store import File


def verify(path: Path, file: File) -> None:
    """Raises ``SourceRefused`` when the bytes are not those that were promised; the file is gone then."""
    if file.sha256 is None:
        return
    with path.open("rb") as opened:
        found = hashlib.file_digest(opened, "sha256").hexdigest()
    if found != file.sha256:
        path.unlink()
        words = f"{file.name} has the sha256 {found} and should have {file.sha256}"
        raise SourceRefused(DownloadReason.FAILED, words)


def unpack(path: Path, folder: Path, wanted: ModelFiles) -> None:
    """Take the model's files out of a tar file, then the tar file away.

    A folder that everything is in is left out. Raises ``SourceRefused``.
    """
    try:
        with tarfile.open(path) as archive:
            members = {member.name.removeprefix("./"): member for member in archive.getmembers() if member.isreg()}
            top = _top(tuple(members))
            inside = [File(name.removeprefix(top), member.size, key=name) for name, member in members.items()]
            chosen = pick(inside, wanted)
            need_room(folder, sum(file.size for file in chosen))
            for file in chosen:
                archive.extract(members[file.key].replace(name=file.name, mode=0o644), folder, filter="data")
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise SourceRefused(DownloadReason.FAILED, f"{path.name} cannot be unpacked: {error}") from error
    path.unlink()


def _top(names: tuple[str, ...]) -> str:
    """The folder that every file is in, with its slash; "" without one."""
    tops = {name.partition("/")[0] for name in names}
    return f"{tops.pop()}/" if len(tops) == 1 and all("/" in name for name in names) else ""
