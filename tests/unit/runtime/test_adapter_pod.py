"""The launcher as a program, over the stand-in engine: adapters from the live document to the client's answer."""

import json
import urllib.error
import urllib.request

import pytest

from e2e.engine import tiny_adapter, tiny_model
from tests.unit.runtime.launched import launch_fake

LORA = {"lora": {"maxAdapters": 4, "maxPerBatch": 2, "maxRank": 16}}


@pytest.fixture
def model(tmp_path):
    return tiny_model(tmp_path / "model")


@pytest.fixture
def pod(tmp_path, model):
    config = tmp_path / "config"
    config.mkdir()
    tiny_adapter(tmp_path / "claim" / "sql", model)
    live = {"number": 1, "adapters": [{"name": "sql", "uri": "pvc://models/sql"}]}
    (config / "live.json").write_text(json.dumps(live))
    pod = launch_fake(tmp_path, {**LORA, "model": str(model)})
    yield pod
    pod.destroy()


HANGING_CLIENT = """
import time
from concurrent.futures import ThreadPoolExecutor

class utils:
    disable_progress_bars = staticmethod(lambda: None)

class errors:
    GatedRepoError = RepositoryNotFoundError = RevisionNotFoundError = HFValidationError = KeyError

def snapshot_download(*_, **__):
    with ThreadPoolExecutor() as pool:
        pool.submit(time.sleep, 60).result()
"""


@pytest.mark.timeout(40)
def test_a_hub_that_hangs_holds_up_neither_a_change_nor_the_end(tmp_path, model):
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "huggingface_hub.py").write_text(HANGING_CLIENT)
    pod = launch_fake(tmp_path, {**LORA, "model": str(model)})
    try:
        pod.until_ready()
        pod.serve_adapters(1, ("sql", "hf://team/sql"))
        pod.until(lambda: "sql" in pod.adapters())
        assert (pod.adapters()["sql"].state, answer(pod, "tiny")) == ("Loading", "0")
        pod.terminate()
        assert pod.wait(15) == 0
        assert pod.farewell().reason == "Stopped"
    finally:
        pod.destroy()


def answer(pod, model):
    """The model that answers, or the status that refuses."""
    body = json.dumps({"model": model, "prompt": "x", "max_tokens": 1}).encode()
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{pod.serving}/v1/completions", body, timeout=10) as found:
            return found.read().decode().partition("\n")[0].removeprefix("data: ")
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def models(pod):
    return [each["id"] for each in json.loads(pod.get("/v1/models", pod.serving)[1])["data"]]


@pytest.mark.timeout(40)
def test_a_pod_is_ready_with_its_adapters_and_changes_them_without_a_restart(pod, tmp_path, model):
    pod.until_ready()
    first = pod.adapters()["sql"]
    assert (first.state, models(pod), answer(pod, "sql")) == ("Loaded", ["tiny", "sql"], f"sql@{first.key}")

    tiny_adapter(tmp_path / "claim" / "sql-2", model, says="zo")
    tiny_adapter(tmp_path / "claim" / "chat", model, rank=64)
    pod.serve_adapters(2, ("sql", "pvc://models/sql-2"), ("chat", "pvc://models/chat"))
    pod.until(
        lambda: "chat" in pod.adapters() and pod.adapters()["chat"].reason and answer(pod, "sql") != first.serving
    )
    pod.until(lambda: pod.adapters()["sql"].state == "Loaded")
    second = pod.adapters()["sql"]
    assert answer(pod, "sql") == f"sql@{second.key}" != f"sql@{first.key}"
    assert (answer(pod, "chat"), pod.adapters()["chat"].reason) == (404, "AdapterRankTooHigh")

    pod.serve_adapters(3)
    pod.until(lambda: models(pod) == ["tiny"])
    assert (answer(pod, "sql"), answer(pod, "tiny"), pod.adapters()) == (404, "0", {})
    pod.terminate()
    assert pod.wait() == 0
