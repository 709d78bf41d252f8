"""The launcher before its engine: it fetches the model, tells how far it is, tries again, and gives up by name."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from e2e.engine import clients
from llmfleet_runtime.contract import Phase, RuntimeStatus
from tests.engine.conftest import READY_SECONDS
from tests.engine.hub import COMMIT, hub
from tests.engine.sourced import DOWN, KEYS, Site, packed, serving
from tests.unit.runtime.launched import FAKE, free_port, launch


@pytest.fixture
def site(tmp_path):
    folder = tmp_path / "site"
    folder.mkdir()
    return Site(folder)


@pytest.fixture
def begin(python, tmp_path, monkeypatch):
    """Start launchers over the stand-in engine, one after the other in one place."""
    monkeypatch.setenv("LLMFLEET_CLIENTS_FOLDER", str(clients()))
    started = []

    def start(model, engine=(FAKE,), **members):
        started.append(launch(tmp_path, {"model": model, **members}, engine, python))
        return started[-1]

    yield start
    for pod in started:
        pod.destroy()


def test_the_real_engine_serves_an_archive_from_the_web(begin, site, model):
    sha256 = packed(model, site.folder / "tiny.tar")
    with serving(site) as address:
        pod = begin(f"{address}/files/tiny.tar", engine=(), sha256=sha256)
        pod.until(lambda: pod.phase() == Phase.DOWNLOADING)
        pod.until_ready(READY_SECONDS)
    status = RuntimeStatus.model_validate_json(pod.get("/status")[1])
    assert (status.commit, status.download) == (sha256, None)


@pytest.mark.proves("F44")
def test_a_source_that_is_down_is_tried_again_and_a_cached_start_needs_none(begin, site, model, tmp_path):
    sha256, port = packed(model, site.folder / "tiny.tar"), free_port()
    asked = {"model": f"http://127.0.0.1:{port}/files/tiny.tar", "sha256": sha256}
    first = begin(**asked)
    first.until(lambda: (first.download() or DOWN) and getattr(first.download(), "reason", None), 30)
    told, now = first.download(), time.time()
    assert (told.reason, f"127.0.0.1:{port}" in told.message.replace("', port=", ":")) == ("ModelDownloadFailed", True)
    assert now - 5 < told.retry_at < now + 130
    assert (first.get("/livez")[0], first.get("/readyz")[0]) == (200, 503)
    with serving(site, port):
        first.until_ready(60)
    first.terminate()
    assert first.wait() == 0
    second = begin(**asked)
    second.until_ready()


BROKEN = {
    "ModelNotFound": "team/none",
    "ModelAccessDenied": "team/gated",
    "UnsafeWeights": "team/pickled",
    "DiskFull": "team/tiny",
}


@pytest.fixture
def hubbed(model, tmp_path, monkeypatch):
    pickled = tmp_path / "pickled"
    shutil.copytree(model, pickled)
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    with hub({"team/tiny": model, "team/pickled": pickled}) as address:
        monkeypatch.setenv("HF_ENDPOINT", address)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "cache" / "huggingface"))
        yield address


@pytest.fixture
def small_disk(tmp_path):
    """Makes the cache a disk of one mebibyte; gone after the test."""
    cache, mounted = tmp_path / "cache", []

    def make():
        cache.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(cache)], check=True)
        mounted.append(cache)

    def grow():
        subprocess.run(["mount", "-o", "remount,size=64m", str(cache)], check=True)

    make.grow = grow
    yield make
    for each in mounted:
        subprocess.run(["umount", "--lazy", str(each)], check=True)


@pytest.mark.proves("S41", "S43", "F45")
@pytest.mark.parametrize("reason", BROKEN)
def test_a_broken_model_has_its_reason_at_once_and_heals(begin, hubbed, small_disk, reason):
    if reason == "DiskFull":
        small_disk()
    began = time.monotonic()
    pod = begin(BROKEN[reason])
    assert (pod.wait(30), pod.farewell().reason) == (64, reason)
    assert time.monotonic() - began < 30
    if reason == "DiskFull":
        small_disk.grow()
    healed = begin("team/tiny")
    healed.until_ready()
    assert RuntimeStatus.model_validate_json(healed.get("/status")[1]).commit == COMMIT


def test_other_bytes_than_promised_are_never_served_and_heal(begin, site, model):
    sha256 = packed(model, site.folder / "tiny.tar")
    whole = (site.folder / "tiny.tar").read_bytes()
    (site.folder / "tiny.tar").write_bytes(b"x" + whole[1:])
    with serving(site) as address:
        pod = begin(f"{address}/files/tiny.tar", sha256=sha256)
        pod.until(lambda: pod.download() and pod.download().reason == "ModelDownloadFailed", 30)
        assert "should have" in pod.download().message
        (site.folder / "tiny.tar").write_bytes(whole)
        pod.until_ready(60)


def test_sigterm_ends_a_download_at_once(begin, site):
    site.seconds = 60
    (site.folder / "tiny.tar").write_bytes(os.urandom(1000))
    with serving(site) as address:
        pod = begin(f"{address}/files/tiny.tar", sha256="0" * 64)
        pod.until(lambda: pod.phase() == Phase.DOWNLOADING)
        pod.terminate()
        assert (pod.wait(10), pod.farewell().reason) == (0, "Stopped")


@pytest.mark.proves("R71")
def test_the_stores_keys_reach_neither_the_engine_nor_the_log(begin, hubbed, monkeypatch):
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    pod = begin("team/tiny")
    pod.until_ready()
    environment = Path(f"/proc/{pod.engine_pid()}/environ").read_bytes()
    assert KEYS["AWS_SECRET_ACCESS_KEY"].encode() not in environment
    assert KEYS["AWS_SECRET_ACCESS_KEY"] not in pod.output() + pod.get("/status")[1]
