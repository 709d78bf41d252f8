"""Files taken out of a tar file: where they may land, on every Python that the launcher may find."""

import io
import tarfile

import pytest

from llmfleet_runtime.source import SourceRefused
from llmfleet_runtime.sources.archive import inside, unpack
from llmfleet_runtime.sources.store import File


@pytest.fixture
def packed(tmp_path):
    """A tar file with one configuration, and a folder to unpack it in."""
    path, folder = tmp_path / "model.tar", tmp_path / "to" / "model"
    folder.mkdir(parents=True)
    with tarfile.open(path, "w") as archive:
        entry = tarfile.TarInfo("top/config.json")
        entry.size, entry.mode = 2, 0o777
        archive.addfile(entry, io.BytesIO(b"{}"))
        link = tarfile.TarInfo("top/link.json")
        link.type, link.linkname = tarfile.SYMTYPE, "config.json"
        archive.addfile(link)
    return path, folder


def test_a_file_lands_under_its_name_as_plain_data_and_the_archive_goes(packed):
    path, folder = packed
    unpack(path, inside(path, ""), folder)
    assert [each.name for each in folder.iterdir()] == ["config.json"]
    assert (folder / "config.json").read_bytes() == b"{}"
    assert (folder / "config.json").stat().st_mode & 0o777 == 0o644
    assert not path.exists()


def test_folders_below_are_made(packed):
    path, folder = packed
    unpack(path, [File("a/b/config.json", 2, key="top/config.json")], folder)
    assert (folder / "a" / "b" / "config.json").read_bytes() == b"{}"


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("../config.json", "top/config.json"),
        ("/config.json", "top/config.json"),
        ("a/../../config.json", "top/config.json"),
        ("config.json", "top"),
    ],
)
def test_what_would_leave_the_folder_or_is_no_file_is_refused(packed, name, key):
    path, folder = packed
    with tarfile.open(path, "a") as archive:
        entry = tarfile.TarInfo("top")
        entry.type = tarfile.DIRTYPE
        archive.addfile(entry)
    with pytest.raises(SourceRefused, match="cannot be unpacked"):
        unpack(path, [File(name, 2, key=key)], folder)
    assert not list(folder.iterdir())
    assert not (folder.parent / "config.json").exists()


def test_an_archive_that_ends_too_early_is_refused(packed):
    path, folder = packed
    files = inside(path, "")
    path.write_bytes(path.read_bytes()[:513])
    with pytest.raises(SourceRefused, match="cannot be unpacked"):
        unpack(path, files, folder)
