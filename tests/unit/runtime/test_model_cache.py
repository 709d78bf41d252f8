"""sources/cache.py: who downloads, whether there is room, and what of a download is seen."""

import fcntl
from concurrent.futures import ThreadPoolExecutor

import pytest

from llmfleet_runtime.source import DownloadReason, ModelFiles, SourceRefused
from llmfleet_runtime.sources import cache
from llmfleet_runtime.sources.cache import Shelf, locked, need_room
from llmfleet_runtime.sources.exchange import Request


def request(tmp_path, **members):
    return Request(**{"uri": "s3://models/tiny", "cache": str(tmp_path), **members})


def test_one_waits_while_another_downloads_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "LOCK_POLL_SECONDS", 0)
    path, said = tmp_path / "key" / "lock", []
    path.parent.mkdir()
    with path.open("a") as other:
        fcntl.flock(other, fcntl.LOCK_EX)

        def waiting():
            said.append("waits")
            if len(said) == 3:
                fcntl.flock(other, fcntl.LOCK_UN)

        with locked(path, waiting), path.open("a") as third, pytest.raises(BlockingIOError):
            fcntl.flock(third, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert said == ["waits"] * 3


@pytest.mark.proves("F45")
def test_a_model_that_does_not_fit_is_refused_with_both_numbers(tmp_path):
    need_room(tmp_path, 0)
    with pytest.raises(SourceRefused, match=r"needs 1048576.00 GiB more in the cache, which has .* free") as refused:
        need_room(tmp_path, 2**50)
    assert refused.value.reason is DownloadReason.DISK_FULL


def test_a_version_is_seen_only_once_it_is_whole(tmp_path):
    shelf = Shelf(request(tmp_path))
    (shelf.staging("sha256:1") / "model.safetensors").write_bytes(b"x")
    assert (shelf.place("sha256:1").exists(), shelf.latest()) == (False, None)
    shelf.publish("sha256:1")
    shelf.point("sha256:1")
    assert (shelf.place("sha256:1") / "model.safetensors").read_bytes() == b"x"
    assert shelf.latest() == "sha256:1"


def test_pods_whose_processes_have_one_number_remember_the_version_at_once(tmp_path):
    shelf, versions = Shelf(request(tmp_path)), [f"sha256:{number}" for number in range(400)]
    with ThreadPoolExecutor(4) as pods:
        assert list(pods.map(shelf.point, versions)) == [None] * len(versions)
    assert shelf.latest() in versions
    assert [path.name for path in shelf.folder.iterdir()] == ["latest"]


def test_what_another_version_left_unfinished_is_taken_away_and_the_own_is_kept(tmp_path):
    shelf = Shelf(request(tmp_path))
    (shelf.staging("one") / "part").touch()
    assert (shelf.staging("one") / "part").exists()
    shelf.staging("two")
    assert sorted(path.name for path in shelf.folder.iterdir()) == [".two"]


@pytest.mark.parametrize(
    "members",
    [{"uri": "s3://models/other"}, {"revision": "v1"}, {"files": ModelFiles(include=("a",))}, {"sha256": "a" * 64}],
)
def test_another_request_has_another_place(tmp_path, members):
    assert Shelf(request(tmp_path, **members)).folder != Shelf(request(tmp_path)).folder
    assert Shelf(request(tmp_path, **members)).folder == Shelf(request(tmp_path, **members)).folder
