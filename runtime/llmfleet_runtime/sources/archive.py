"""Tar files: what is in them, as far as an engine needs it and it stays inside."""

import shutil
import tarfile
from collections.abc import Collection
from pathlib import Path

from llmfleet_runtime.source import DownloadReason, SourceRefused

from .store import File

CHUNK_BYTES = 2**18
"""See ``answer``."""


def inside(path: Path, root: str) -> tuple[File, ...]:
    """See ``members``. Raises ``SourceRefused``."""
    try:
        with tarfile.open(path) as archive:
            return members(archive, root)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise SourceRefused(DownloadReason.FAILED, f"{path.name} cannot be unpacked: {error}") from error


def members(archive: tarfile.TarFile, root: str) -> tuple[File, ...]:
    """The files of a tar file below ``root``; without one, a folder that everything is in is left out of their names.

    Raises what ``tarfile`` does.
    """
    found = {each.name.removeprefix("./"): each for each in archive.getmembers() if each.isreg()}
    top = root or _top(tuple(found))
    return tuple(
        File(name.removeprefix(top), member.size, key=member.name)
        for name, member in found.items()
        if name.startswith(top)
    )


def unpack(path: Path, files: Collection[File], folder: Path) -> None:
    """Take these files out of a tar file, then the tar file away. Raises ``SourceRefused``."""
    try:
        with tarfile.open(path) as archive:
            for file in files:
                _write(archive, file, folder)
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise SourceRefused(DownloadReason.FAILED, f"{path.name} cannot be unpacked: {error}") from error
    path.unlink()


def _write(archive: tarfile.TarFile, file: File, folder: Path) -> None:
    """Not by ``extract``, which keeps names inside only from Python 3.11.4 on."""
    target = folder / file.name
    if not target.resolve().is_relative_to(folder.resolve()):
        raise tarfile.TarError(f"{file.name} leads out of its folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    source = archive.extractfile(archive.getmember(file.key))
    if source is None:
        raise tarfile.TarError(f"{file.name} is no file")
    with source, target.open("wb") as written:
        shutil.copyfileobj(source, written, CHUNK_BYTES)
    target.chmod(0o644)


def _top(names: tuple[str, ...]) -> str:
    """The folder that every file is in, with its slash; "" without one."""
    tops = {name.partition("/")[0] for name in names}
    return f"{tops.pop()}/" if len(tops) == 1 and all("/" in name for name in names) else ""
