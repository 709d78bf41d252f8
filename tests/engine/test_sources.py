"""The downloading process with the unmodified clients, against servers that part, redirect, gate and cut."""

import hashlib
import io
import json
import os
import tarfile
import threading

import pytest

from e2e.engine import clients, servers
from tests.engine.cutter import Cutter
from tests.engine.sourced import DOWN, KEYS, Fetcher, Site, contents, disk, fill, packed, s3_server, serving


@pytest.fixture
def fetch(python, tmp_path):
    return Fetcher(python, clients(), tmp_path / "cache")


@pytest.fixture
def site(tmp_path):
    folder = tmp_path / "site"
    folder.mkdir()
    return Site(folder)


@pytest.fixture
def address(site):
    with serving(site) as found:
        yield found


@pytest.fixture(scope="module")
def s3(python, model):
    with s3_server(python, servers()) as server:
        server.put("open", model)
        yield server


@pytest.fixture
def stored(fetch, s3):
    """A fetcher that has the keys of the object store."""
    fetch.variables = {**KEYS, "AWS_ENDPOINT_URL": s3.address}
    return fetch


@pytest.mark.parametrize(("top", "mode"), [("", "w"), ("./", "w:gz"), ("tiny-1.0/", "w:gz")])
def test_an_archive_on_the_web_becomes_the_models_folder(fetch, site, address, model, top, mode):
    sha256 = packed(model, site.folder / "tiny.tar", top, mode)
    found = fetch(f"{address}/files/tiny.tar", sha256=sha256)
    assert (found["kind"], found["commit"]) == ("Fetched", sha256)
    assert contents(found["path"]) == contents(model)


def test_of_an_archive_only_the_files_that_are_asked_for_are_kept(fetch, site, address, model):
    sha256 = packed(model, site.folder / "tiny.tar")
    found = fetch(f"{address}/files/tiny.tar", sha256=sha256, files={"include": ["*.safetensors"]})
    assert sorted(contents(found["path"])) == ["model.safetensors"]


def test_a_redirect_is_followed(fetch, site, address, model):
    sha256 = packed(model, site.folder / "tiny.tar")
    assert fetch(f"{address}/moved/tiny.tar", sha256=sha256)["kind"] == "Fetched"


def test_a_server_without_parts_is_read_as_a_whole(fetch, site, address, model):
    site.is_ranged = False
    sha256 = packed(model, site.folder / "tiny.tar")
    assert contents(fetch(f"{address}/files/tiny.tar", sha256=sha256)["path"]) == contents(model)


def test_what_is_cached_needs_no_network(fetch, site, model):
    sha256 = packed(model, site.folder / "tiny.tar")
    with serving(site) as address:
        first = fetch(f"{address}/files/tiny.tar", sha256=sha256)
    assert fetch(f"{address}/files/tiny.tar", sha256=sha256) == first


@pytest.mark.parametrize(
    ("place", "reason", "words"),
    [
        ("nowhere/none.tar", "ModelNotFound", "404"),
        ("gated/tiny.tar", "ModelAccessDenied", "403"),
        ("broken/tiny.tar", "ModelDownloadFailed", "503"),
    ],
)
def test_the_webs_no_has_its_reason(fetch, address, place, reason, words):
    found = fetch(f"{address}/{place}", sha256="0" * 64)
    assert (found["kind"], found["reason"]) == ("Failed", reason)
    assert words in found["message"]


def test_other_bytes_than_promised_never_become_a_model(fetch, site, address, model):
    packed(model, site.folder / "tiny.tar")
    found = fetch(f"{address}/files/tiny.tar", sha256="0" * 64)
    assert (found["reason"], "should have 0000" in found["message"]) == ("ModelDownloadFailed", True)
    assert list(fetch.cache.glob("models/*/[0-9a-f]*")) == []


def test_only_whitelisted_kinds_leave_an_archive_and_none_leads_out(fetch, site, address, model, tmp_path):
    path = site.folder / "tiny.tar"
    with tarfile.open(path, "w") as archive:
        for name in ("../evil.json", "/evil.json", "a/../../evil.json", "run.py", "weights.bin", "config.json"):
            entry = archive.gettarinfo(model / "config.json")
            entry.name = name
            archive.addfile(entry, io.BytesIO((model / "config.json").read_bytes()))
        archive.add(model / "model.safetensors", "model.safetensors")
        link = tarfile.TarInfo("link.json")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    found = fetch(f"{address}/files/tiny.tar", sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    assert sorted(contents(found["path"])) == ["config.json", "model.safetensors"]
    assert list(tmp_path.rglob("evil.json")) == []


def big(folder, size=40 * 2**20):
    """A model whose weights take a while."""
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(os.urandom(size))
    return folder


def test_a_connection_that_is_cut_goes_on_where_it_was(fetch, site, address, tmp_path):
    sha256 = packed(big(tmp_path / "big"), site.folder / "big.tar", mode="w")
    with Cutter(address, 5 * 2**20, 4) as cutter:
        found = fetch(f"{cutter.address}/files/big.tar", sha256=sha256)
    assert (found["kind"], cutter.cuts) == ("Fetched", 0)
    assert [int(each.partition("bytes=")[2].partition("-")[0]) > 2**20 for each in site.asked].count(True) >= 4


def test_objects_of_a_store_become_the_models_folder_and_are_found_again(stored, model):
    found = stored("s3://open/models/tiny")
    assert contents(found["path"]) == contents(model)
    stored.variables["AWS_ENDPOINT_URL"] = DOWN
    again = stored("s3://open/models/tiny")
    assert (again["path"], again["commit"], "cache" in again["message"]) == (found["path"], found["commit"], True)


def test_an_object_store_that_is_down_and_was_never_read_is_a_failed_download(stored):
    stored.variables["AWS_ENDPOINT_URL"] = DOWN
    found = stored("s3://open/models/tiny")
    assert (found["reason"], "127.0.0.1:9" in found["message"]) == ("ModelDownloadFailed", True)


@pytest.mark.parametrize("uri", ["s3://nowhere/models/tiny", "s3://open/models/none"])
def test_what_is_not_in_the_store_is_not_found(stored, uri):
    assert stored(uri)["reason"] == "ModelNotFound"


def test_objects_that_change_make_another_version_beside(stored, s3, tmp_path):
    s3.put("changing", big(tmp_path / "one", 1000))
    first = stored("s3://changing/models/tiny")
    s3.put("changing", big(tmp_path / "two", 1000))
    second = stored("s3://changing/models/tiny")
    assert contents(first["path"]) == contents(tmp_path / "one")
    assert contents(second["path"]) == contents(tmp_path / "two")
    assert first["commit"] != second["commit"]


def test_a_store_that_cuts_is_asked_for_the_rest(stored, s3, tmp_path):
    s3.put("cut", big(tmp_path / "big"))
    with Cutter(s3.address, 5 * 2**20, 3) as cutter:
        stored.variables["AWS_ENDPOINT_URL"] = cutter.address
        found = stored("s3://cut/models/tiny")
    assert (contents(found["path"]), cutter.cuts) == (contents(tmp_path / "big"), 0)


def test_a_byte_that_changes_on_the_way_from_a_store_is_noticed_and_its_file_fetched_anew(stored, s3, tmp_path):
    s3.put("spoiled", big(tmp_path / "big"))
    with Cutter(s3.address, 5 * 2**20, 1, spoils=True) as cutter:
        stored.variables["AWS_ENDPOINT_URL"] = cutter.address
        found = stored("s3://spoiled/models/tiny")
        assert (found["reason"], cutter.cuts) == ("ModelDownloadFailed", 0)
        assert "model.safetensors has the md5" in found["message"]
        assert contents(stored("s3://spoiled/models/tiny")["path"]) == contents(tmp_path / "big")


def test_a_killed_download_goes_on_with_what_it_had(stored, s3, tmp_path):
    s3.put("killed", big(tmp_path / "big", 150 * 2**20))
    process = stored.begin("s3://killed/models/tiny")
    journal = wait_for(lambda: next(stored.cache.glob("models/*/.*/.llmfleet-journal"), None))
    wait_for(lambda: "model.safetensors" in journal.read_text())
    process.kill()
    process.communicate()
    begun = json.loads(first_line(stored.begin("s3://killed/models/tiny")))
    assert begun["done"] >= 20 * 2**20
    assert contents(stored("s3://killed/models/tiny")["path"]) == contents(tmp_path / "big")


@pytest.mark.proves("F45")
def test_a_disk_that_fills_while_a_model_comes_is_named_and_heals(stored, s3, tmp_path):
    s3.put("filling", big(tmp_path / "big", 150 * 2**20))
    with disk(stored.cache, 300 * 2**20):
        process = stored.begin("s3://filling/models/tiny")
        wait_for(lambda: next(stored.cache.glob("models/*/.*/.llmfleet-journal"), None))
        filler = fill(stored.cache)
        said = json.loads(process.communicate()[0].splitlines()[-1])
        assert (said["reason"], said["message"]) == ("DiskFull", "the cache's disk became full during the download")
        filler.unlink()
        assert contents(stored("s3://filling/models/tiny")["path"]) == contents(tmp_path / "big")


def first_line(process):
    with process:
        return process.stdout.readline()


def wait_for(fact, seconds=30):
    over = threading.Event()
    for _ in range(seconds * 100):
        if found := fact():
            return found
        over.wait(0.01)
    raise AssertionError


def test_two_pods_over_one_cache_download_once(fetch, site, address, tmp_path):
    sha256, site.seconds = packed(big(tmp_path / "big"), site.folder / "big.tar", mode="w"), 2
    both = [fetch.begin(f"{address}/files/big.tar", sha256=sha256) for _ in range(2)]
    said = [each.communicate()[0].splitlines()[-1] for each in both]
    assert said[0] == said[1]
    assert contents(json.loads(said[0])["path"]) == contents(tmp_path / "big")
    assert len([each for each in site.asked if not each.endswith("bytes=0-0")]) == 1
