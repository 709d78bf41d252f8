"""Models out of a registry, by the unmodified client against a real one: artifacts, images, digests, log-ins, cuts."""

import base64
import gzip
import json

import pytest

from e2e.engine import clients, registry
from tests.engine.cutter import Cutter
from tests.engine.sourced import Fetcher, contents, packed, push, registry_server
from tests.engine.test_sources import big

FILE = "application/vnd.oci.image.layer.v1.tar"
PACKED = "application/vnd.oci.image.layer.v1.tar+gzip"
TITLE = "org.opencontainers.image.title"
ACCOUNT = "robot:word"
LOGIN = "Basic " + base64.b64encode(ACCOUNT.encode()).decode()


@pytest.fixture
def fetch(python, tmp_path):
    return Fetcher(python, clients(), tmp_path / "cache")


@pytest.fixture
def host(tmp_path):
    with registry_server(registry(), tmp_path / "blobs") as found:
        yield found


def titled(model):
    """An artifact as ORAS makes it: a layer for each file."""
    return [(path.read_bytes(), FILE, {TITLE: path.name}) for path in sorted(model.iterdir())]


def test_an_artifact_becomes_the_models_folder_and_a_digest_needs_no_network(fetch, host, model):
    digest = push(f"http://{host}", "team/tiny", "v1", titled(model))
    found = fetch(f"oci://{host}/team/tiny:v1")
    assert (contents(found["path"]), found["commit"]) == (contents(model), digest)
    pinned = fetch(f"oci://{host}/team/tiny@{digest}")
    assert (pinned["kind"], pinned["commit"]) == ("Fetched", digest)


def test_what_is_cached_by_digest_asks_nobody(fetch, tmp_path, model):
    with registry_server(registry(), tmp_path / "blobs") as host:
        digest = push(f"http://{host}", "team/tiny", "v1", titled(model))
        first = fetch(f"oci://{host}/team/tiny@{digest}")
    assert fetch(f"oci://{host}/team/tiny@{digest}") == first


def test_a_model_of_the_cncf_format_is_read_by_its_paths(fetch, host, model):
    kind = "application/vnd.cncf.model.weight.v1.raw"
    layers = [(path.read_bytes(), kind, {"org.cncf.model.filepath": path.name}) for path in model.iterdir()]
    push(f"http://{host}", "team/tiny", "v1", layers)
    assert contents(fetch(f"oci://{host}/team/tiny:v1")["path"]) == contents(model)


def test_of_an_image_it_is_the_models_folder(fetch, host, model, tmp_path):
    system = tmp_path / "system"
    (system / "etc").mkdir(parents=True)
    (system / "etc" / "passwd.json").write_text("{}")
    layers = []
    for number, (folder, top) in enumerate(((system, ""), (model, "models/"))):
        packed(folder, tmp_path / f"{number}.tar", top)
        layers.append(((tmp_path / f"{number}.tar").read_bytes(), PACKED, {}))
    push(f"http://{host}", "team/image", "v1", layers)
    assert contents(fetch(f"oci://{host}/team/image:v1")["path"]) == contents(model)


@pytest.mark.parametrize("name", ["team/none:v1", "team/tiny:v9", "team/tiny@sha256:" + "0" * 64])
def test_what_is_not_in_the_registry_is_not_found(fetch, host, model, name):
    push(f"http://{host}", "team/tiny", "v1", titled(model))
    assert fetch(f"oci://{host}/{name}")["reason"] == "ModelNotFound"


def test_an_artifact_of_pickles_is_unsafe(fetch, host):
    push(f"http://{host}", "team/tiny", "v1", [(b"x", FILE, {TITLE: "pytorch_model.bin"})])
    assert fetch(f"oci://{host}/team/tiny:v1")["reason"] == "UnsafeWeights"


def test_a_log_in_opens_a_private_registry_and_is_said_nowhere(fetch, tmp_path, model):
    with registry_server(registry(), tmp_path / "blobs", ACCOUNT) as host:
        push(f"http://{host}", "team/tiny", "v1", titled(model), LOGIN)
        assert fetch(f"oci://{host}/team/tiny:v1")["reason"] == "ModelAccessDenied"
        login = {"auths": {host: {"auth": LOGIN.removeprefix("Basic ")}}}
        fetch.variables = {"LLMFLEET_REGISTRY_LOGIN": json.dumps(login)}
        assert fetch(f"oci://{host}/team/tiny:v1")["kind"] == "Fetched"


def test_a_blob_that_is_cut_goes_on_where_it_was(fetch, host, tmp_path):
    model = big(tmp_path / "big")
    push(f"http://{host}", "team/big", "v1", titled(model))
    with Cutter(host, 5 * 2**20, 3) as cutter:
        found = fetch(f"oci://{cutter.address.removeprefix('http://')}/team/big:v1")
    assert (contents(found["path"]), cutter.cuts) == (contents(model), 0)


def test_layers_that_are_no_archives_are_a_failed_download(fetch, host):
    push(f"http://{host}", "team/odd", "v1", [(gzip.compress(b"no tar"), PACKED, {})])
    assert fetch(f"oci://{host}/team/odd:v1")["reason"] == "ModelDownloadFailed"
