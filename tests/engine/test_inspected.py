"""The inspection of models in stores, in registries and on the web, by the unmodified clients: before any download."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from e2e.engine import clients, registry, servers
from llmfleet_runtime.contract import Findings, ModelFacts
from llmfleet_runtime.inspection.__main__ import facts_of
from tests.engine.cutter import Cutter
from tests.engine.sourced import (
    DOWN,
    KEYS,
    Fetcher,
    Site,
    google_server,
    packed,
    push,
    registry_server,
    s3_server,
    serving,
)
from tests.engine.test_registry import ACCOUNT, FILE, LOGIN, PACKED, titled
from tests.unit.runtime.inspection.written import gguf, safetensors
from tests.unit.runtime.launched import RUNTIME

LARGE = 24 * 2**20


@dataclass
class Inspector:
    """Runs the inspection as its Job does."""

    python: str
    folder: Path
    variables: dict = field(default_factory=dict)

    def __call__(self, uri, *arguments, **files):
        """Its findings."""
        report = self.folder / "report"
        report.unlink(missing_ok=True)
        environment = {
            **os.environ,
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_GCE_CHECK": "true",
            "LLMFLEET_CLIENTS_FOLDER": str(clients()),
            **self.variables,
            "PYTHONPATH": str(RUNTIME),
        }
        command = [self.python, "-m", "llmfleet_runtime.inspection", uri, "--report", report, *arguments]
        command += ["--files", json.dumps(files)]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
        assert report.exists(), ended.stderr
        found = Findings.model_validate_json(report.read_bytes())
        if found.facts:
            assert ModelFacts.model_validate_json(ended.stdout) == found.facts
        return found


@pytest.fixture
def inspect(python, tmp_path):
    return Inspector(python, tmp_path)


@pytest.fixture(scope="module")
def models(tmp_path_factory, model):
    """The tiny model; one with weights that nobody would read for its facts; two GGUF files; pickles; no header."""
    folder = tmp_path_factory.mktemp("models")
    for name in ("tiny", "large", "pickled", "broken"):
        shutil.copytree(model, folder / name)
    weights = safetensors({"model.embed_tokens.weight": ("BF16", (LARGE // 2048, 1024))})
    (folder / "large" / "model.safetensors").write_bytes(weights)
    (folder / "pickled" / "model.safetensors").rename(folder / "pickled" / "pytorch_model.bin")
    (folder / "broken" / "model.safetensors").write_bytes(b"x" * 100)
    (folder / "ggufs").mkdir()
    for name, rows in (("q4", 8), ("q8", 16)):
        head = gguf({"general.architecture": "llama"}, {"token_embd.weight": (1, (4, rows))})
        (folder / "ggufs" / f"{name}.gguf").write_bytes(head + bytes(LARGE))
    return {path.name: path for path in folder.iterdir()}


def stored(server, models):
    for name, folder in models.items():
        server.put(name, folder)
    return server


@pytest.fixture(scope="module")
def amazon(python, models):
    with s3_server(python, servers()) as server:
        yield stored(server, models)


@pytest.fixture(scope="module")
def google(python, models, tmp_path_factory):
    with google_server(python, servers(), tmp_path_factory.mktemp("google") / "log") as server:
        yield stored(server, models)


@pytest.fixture(params=["s3", "gs"])
def store(request, inspect):
    """A scheme, with an inspector that knows its server."""
    if request.param == "s3":
        address = request.getfixturevalue("amazon").address
        inspect.variables = {**KEYS, "AWS_ENDPOINT_URL": address}
    else:
        inspect.variables = {"STORAGE_EMULATOR_HOST": request.getfixturevalue("google").address}
    return request.param


def test_objects_have_the_facts_of_their_folder_and_the_commit_of_their_download(
    store, inspect, models, python, tmp_path
):
    found = inspect(f"{store}://tiny/models/tiny")
    assert (found.facts, found.reason) == (facts_of(models["tiny"]), None)
    variables = {**inspect.variables, "NO_GCE_CHECK": "true"}
    fetched = Fetcher(python, clients(), tmp_path / "cache", variables)(f"{store}://tiny/models/tiny")
    assert found.commit == fetched["commit"]


@pytest.mark.parametrize(
    ("uri", "files", "rows"),
    [
        ("ggufs/models/tiny", {"include": ["q4.gguf"]}, 8),
        ("ggufs/models/tiny", {"exclude": ["q4*"]}, 16),
    ],
    ids=["include", "exclude"],
)
def test_of_several_models_the_one_that_pods_would_fetch_is_read(store, inspect, uri, files, rows):
    found = inspect(f"{store}://{uri}", **files)
    assert (found.facts.format, found.facts.vocab_size) == ("GGUF", rows)


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("absent/models/tiny", "ModelNotFound"),
        ("tiny/nowhere", "ModelNotFound"),
        ("ggufs/models/tiny", "ModelNotFound"),
        ("pickled/models/tiny", "UnsafeWeights"),
        ("broken/models/tiny", "ModelInvalid"),
    ],
)
def test_each_obstacle_has_its_reason(store, inspect, uri, reason):
    found = inspect(f"{store}://{uri}")
    assert (found.reason, found.facts) == (reason, None)


VARIABLE = {"s3": "AWS_ENDPOINT_URL", "gs": "STORAGE_EMULATOR_HOST"}


@pytest.mark.parametrize(("place", "reason"), [("gated", "ModelAccessDenied"), ("broken", "ModelDownloadFailed")])
def test_a_servers_no_has_its_reason(store, inspect, tmp_path, place, reason):
    with serving(Site(tmp_path)) as address:
        inspect.variables[VARIABLE[store]] = f"{address}/{place}"
        assert inspect(f"{store}://tiny/models/tiny").reason == reason


def test_a_store_that_is_down_is_no_fault_of_the_model(store, inspect):
    inspect.variables[VARIABLE[store]] = DOWN
    assert inspect(f"{store}://tiny/models/tiny").reason == "ModelDownloadFailed"


def test_no_weights_pass_on_the_way_to_the_facts(store, inspect, models, request):
    server = request.getfixturevalue({"s3": "amazon", "gs": "google"}[store])
    with Cutter(server.address, LARGE, 0) as between:
        inspect.variables[VARIABLE[store]] = between.address
        assert inspect(f"{store}://large/models/tiny").facts == facts_of(models["large"])
        assert inspect(f"{store}://ggufs/models/tiny", include=["q8.gguf"]).facts.format == "GGUF"
        assert sum(between.answered) < LARGE // 4


@pytest.fixture
def host(tmp_path):
    with registry_server(registry(), tmp_path / "blobs") as found:
        yield found


def test_an_artifact_has_the_facts_of_its_folder_and_its_digest_for_a_commit(inspect, host, model):
    digest = push(f"http://{host}", "team/tiny", "v1", titled(model))
    found = inspect(f"oci://{host}/team/tiny:v1")
    assert (found.facts, found.commit) == (facts_of(model), digest)
    assert inspect(f"oci://{host}/team/tiny:v1@{digest}") == found


def test_of_a_tag_that_moved_the_digest_is_still_there(inspect, host, model, models, python, tmp_path):
    digest = push(f"http://{host}", "team/tiny", "v1", titled(model))
    push(f"http://{host}", "team/tiny", "v1", titled(models["pickled"]))
    assert inspect(f"oci://{host}/team/tiny:v1").reason == "UnsafeWeights"
    assert inspect(f"oci://{host}/team/tiny:v1@{digest}").commit == digest
    fetched = Fetcher(python, clients(), tmp_path / "cache")(f"oci://{host}/team/tiny:v1@{digest}")
    assert (fetched["kind"], fetched["commit"]) == ("Fetched", digest)


def test_a_registrys_no_has_its_reason(inspect, tmp_path, model):
    with registry_server(registry(), tmp_path / "private", ACCOUNT) as host:
        push(f"http://{host}", "team/tiny", "v1", titled(model), LOGIN)
        assert inspect(f"oci://{host}/team/tiny:v1").reason == "ModelAccessDenied"
        login = {"auths": {host: {"auth": LOGIN.removeprefix("Basic ")}}}
        inspect.variables = {"LLMFLEET_REGISTRY_LOGIN": json.dumps(login)}
        assert inspect(f"oci://{host}/team/tiny:v1").facts == facts_of(model)
        assert inspect(f"oci://{host}/team/none:v1").reason == "ModelNotFound"


@pytest.mark.parametrize(("mode", "kind"), [("w", FILE), ("w:gz", PACKED)], ids=["plain", "compressed"])
def test_of_an_image_a_plain_layer_is_read_and_a_compressed_one_left_to_the_pods(inspect, host, models, mode, kind):
    archive = models["large"].parent / "layer.tar"
    packed(models["large"], archive, "models/", mode)
    push(f"http://{host}", "team/image", "v1", [(archive.read_bytes(), kind, {})])
    with Cutter(host, LARGE, 0) as between:
        found = inspect(f"oci://{between.address.removeprefix('http://')}/team/image:v1")
        assert sum(between.answered) < LARGE // 4
    assert found.reason is None
    assert found.facts == (facts_of(models["large"]) if mode == "w" else None)


@pytest.fixture
def site(tmp_path):
    folder = tmp_path / "site"
    folder.mkdir()
    return Site(folder)


def test_an_archive_on_the_web_has_the_facts_of_its_folder_and_its_checksum_for_a_commit(inspect, site, models):
    sha256 = packed(models["large"], site.folder / "large.tar", mode="w")
    with serving(site) as address, Cutter(address, LARGE, 0) as between:
        found = inspect(f"{between.address}/files/large.tar", "--sha256", sha256)
        assert sum(between.answered) < LARGE // 4
    assert (found.facts, found.commit) == (facts_of(models["large"]), sha256)


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_an_archive_of_which_no_part_can_be_read_is_left_to_the_pods(inspect, site, model, mode):
    sha256, site.is_ranged = packed(model, site.folder / "tiny.tar", mode=mode), mode != "w"
    with serving(site) as address:
        found = inspect(f"{address}/files/tiny.tar", "--sha256", sha256)
    assert (found.facts, found.reason, found.message.startswith("tiny.tar is")) == (None, None, True)


@pytest.mark.parametrize(
    ("place", "reason"),
    [("nowhere", "ModelNotFound"), ("gated", "ModelAccessDenied"), ("broken", "ModelDownloadFailed")],
)
def test_the_webs_no_has_its_reason(inspect, site, place, reason):
    with serving(site) as address:
        assert inspect(f"{address}/{place}/tiny.tar", "--sha256", "0" * 64).reason == reason
