"""hf://: the downloading process with the hub's own client, against a hub that redirects, gates, cuts and spoils."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from e2e.engine import clients
from tests.engine.cutter import Cutter
from tests.engine.hub import COMMIT, TOKEN, hub
from tests.engine.sourced import DOWN, Fetcher, contents, disk, fill
from tests.engine.test_sources import big, wait_for


@pytest.fixture
def fetch(python, tmp_path):
    return Fetcher(python, clients(), tmp_path / "cache")


@pytest.fixture
def large(fetch, tmp_path):
    """A hub with one repository that takes a while; what it spoils, and what weights it was asked for."""
    spoiled, asked = set(), []
    with hub({"team/large": big(tmp_path / "large")}, spoiled=spoiled, asked=asked) as address:
        fetch.variables = {"HF_ENDPOINT": address}
        yield SimpleNamespace(fetch=fetch, folder=tmp_path / "large", address=address, spoiled=spoiled, asked=asked)


def ranges(large):
    """From which byte on each request for the weights was."""
    return [int(each.partition("bytes=")[2].partition("-")[0] or 0) for each in large.asked]


def test_a_hub_that_cuts_is_asked_for_the_rest(large):
    with Cutter(large.address, 15 * 2**20, 2) as cutter:
        large.fetch.variables["HF_ENDPOINT"] = cutter.address
        found = large.fetch("hf://team/large")
    assert (contents(found["path"]), cutter.cuts) == (contents(large.folder), 0)
    begun = [start / 2**20 for start in ranges(large)]
    assert begun == [0, pytest.approx(15, abs=1), pytest.approx(30, abs=2)]


def test_of_a_killed_download_of_a_repository_nothing_unfinished_stays(large):
    with Cutter(large.address, 15 * 2**20, 1000) as cutter:
        large.fetch.variables["HF_ENDPOINT"] = cutter.address
        process = large.fetch.begin("hf://team/large")
        wait_for(lambda: any(each.stat().st_size for each in large.fetch.cache.rglob("*.incomplete")))
        process.kill()
        process.communicate()
    large.fetch.variables["HF_ENDPOINT"] = large.address
    assert contents(large.fetch("hf://team/large")["path"]) == contents(large.folder)
    assert list(large.fetch.cache.rglob("*.incomplete")) == []


@pytest.mark.proves("F45")
def test_a_disk_that_fills_while_a_repository_comes_is_named_and_heals(large):
    with disk(large.fetch.cache, 200 * 2**20), Cutter(large.address, 15 * 2**20, 1000) as cutter:
        large.fetch.variables["HF_ENDPOINT"] = cutter.address
        process = large.fetch.begin("hf://team/large")
        wait_for(lambda: any(each.stat().st_size for each in large.fetch.cache.rglob("*.incomplete")))
        filler = fill(large.fetch.cache)
        said = json.loads(process.communicate()[0].splitlines()[-1])
        assert (said["reason"], said["message"]) == ("DiskFull", "the cache's disk became full during the download")
        filler.unlink()
        large.fetch.variables["HF_ENDPOINT"] = large.address
        assert contents(large.fetch("hf://team/large")["path"]) == contents(large.folder)


def test_two_pods_over_one_cache_fetch_a_repository_once(large):
    both = [large.fetch.begin("hf://team/large") for _ in range(2)]
    said = [each.communicate()[0].splitlines()[-1] for each in both]
    assert said[0] == said[1]
    assert contents(json.loads(said[0])["path"]) == contents(large.folder)
    assert ranges(large) == [0]


def test_other_bytes_than_the_hub_promised_never_become_a_model_and_heal(large):
    large.spoiled.add("model.safetensors")
    for _ in range(2):
        found = large.fetch("hf://team/large")
        assert found["reason"] == "ModelDownloadFailed"
        assert "model.safetensors has the sha256" in found["message"]
    large.spoiled.clear()
    assert contents(large.fetch("hf://team/large")["path"]) == contents(large.folder)


def test_what_was_killed_before_it_was_verified_is_verified_after_all(large):
    path = Path(large.fetch("hf://team/large")["path"])
    (path.parents[1] / f"{COMMIT}.unverified").touch()
    with (path / "model.safetensors").resolve().open("r+b") as weights:
        weights.write(b"another beginning")
    assert large.fetch("hf://team/large")["reason"] == "ModelDownloadFailed"
    assert contents(large.fetch("hf://team/large")["path"]) == contents(large.folder)


SEEING = ("mmproj-tiny-f16.gguf", "tiny-Q4_K_M.gguf")
"""A model, and what it sees pictures with."""


@pytest.fixture
def hubbed(fetch, model, tmp_path):
    """A fetcher whose hub has the tiny model, one of pickles, GGUF files, and gated and private ones."""
    pickled = tmp_path / "pickled"
    shutil.copytree(model, pickled)
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    both = tmp_path / "both"
    shutil.copytree(model, both)
    (both / "pytorch_model.bin").write_bytes(b"x")
    names = {"team/tiny": model, "team/private": model, "team/pickled": pickled, "team/both": both}
    for name, files in {"seeing": SEEING, "several": (*SEEING, "tiny-Q8_0.gguf")}.items():
        names[f"team/{name}"] = tmp_path / name
        (tmp_path / name).mkdir()
        for file in files:
            (tmp_path / name / file).write_text(file)
    with hub(names) as found:
        fetch.variables = {"HF_ENDPOINT": found}
        yield fetch


def test_a_repository_is_fetched_whole_and_again_without_the_hub(hubbed, model):
    found = hubbed("hf://team/tiny")
    assert (contents(found["path"]), found["commit"]) == (contents(model), COMMIT)
    hubbed.variables["HF_ENDPOINT"] = DOWN
    again = hubbed("hf://team/tiny")
    assert (again["path"], "cache" in again["message"]) == (found["path"], True)
    assert hubbed("hf://team/other")["reason"] == "ModelDownloadFailed"


def test_a_pinned_repository_that_is_cached_asks_nobody(hubbed):
    found = hubbed("hf://team/tiny", revision=COMMIT)
    hubbed.variables["HF_ENDPOINT"] = DOWN
    assert hubbed("hf://team/tiny", revision=COMMIT) == found


@pytest.mark.parametrize(
    ("uri", "members", "reason"),
    [
        ("hf://team/none", {}, "ModelNotFound"),
        ("hf://team/tiny", {"revision": "v9"}, "ModelNotFound"),
        ("hf://team/gated", {}, "ModelAccessDenied"),
        ("hf://team/private", {}, "ModelNotFound"),
        ("hf://team/pickled", {}, "UnsafeWeights"),
    ],
)
def test_the_hubs_no_has_its_reason_for_models_too(hubbed, uri, members, reason):
    assert hubbed(uri, **members)["reason"] == reason


def test_a_token_opens_a_private_repository(hubbed):
    hubbed.variables["HF_TOKEN"] = TOKEN
    assert hubbed("hf://team/private")["kind"] == "Fetched"


def test_pickles_beside_safe_weights_stay_where_they_are(hubbed, model):
    assert contents(hubbed("hf://team/both")["path"]) == contents(model)


def test_files_that_are_left_out_are_not_fetched(hubbed):
    found = hubbed("hf://team/tiny", files={"include": ["*.safetensors", "config*"], "exclude": ["none"]})
    assert sorted(contents(found["path"])) == ["config.json", "model.safetensors"]


def test_the_projector_beside_the_one_gguf_model_of_a_repository_is_not_taken_for_it(hubbed):
    path = Path(hubbed("hf://team/seeing")["path"])
    assert (path.name, path.read_text()) == ("tiny-Q4_K_M.gguf",) * 2
    assert sorted(contents(path.parent)) == sorted(SEEING)


def test_of_several_gguf_models_none_is_fetched_before_one_is_named(hubbed):
    found = hubbed("hf://team/several")
    assert (found["reason"], "2 GGUF models; name one" in found["message"]) == ("ModelNotFound", True)
    assert list(hubbed.cache.rglob("*.gguf")) == []
    assert hubbed("hf://team/several", files={"include": ["*Q8_0*"]})["path"].endswith("/tiny-Q8_0.gguf")
