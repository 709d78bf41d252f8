"""gs://: the downloading process with Google's unmodified client, against an emulator and servers that say no."""

import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from e2e.engine import clients, servers
from tests.engine.cutter import Cutter
from tests.engine.sourced import DOWN, Fetcher, Site, contents, google_server, serving
from tests.engine.test_sources import big

MODEL = "gs://models/models/tiny"


@pytest.fixture(scope="module")
def store(python, model, tmp_path_factory):
    with google_server(python, servers(), tmp_path_factory.mktemp("google") / "log") as server:
        server.put("models", model)
        server.put("large", big(tmp_path_factory.mktemp("large") / "big"))
        yield server


@pytest.fixture
def fetch(python, tmp_path, store):
    variables = {"STORAGE_EMULATOR_HOST": store.address, "NO_GCE_CHECK": "true"}
    return Fetcher(python, clients(), tmp_path / "cache", variables)


def test_objects_of_a_bucket_become_the_models_folder_and_are_found_again(fetch, model):
    found = fetch(MODEL)
    assert contents(found["path"]) == contents(model)
    fetch.variables["STORAGE_EMULATOR_HOST"] = DOWN
    again = fetch(MODEL)
    assert (again["path"], again["commit"], "cache" in again["message"]) == (found["path"], found["commit"], True)


def test_only_the_listed_generation_of_an_object_is_asked_for(fetch, store):
    fetch(MODEL)
    downloads = [each for each in store.asked() if "alt=media" in each]
    assert downloads
    assert all("ifGenerationMatch=" in each for each in downloads)


def test_a_cut_connection_goes_on_where_it_was(fetch, store):
    with Cutter(store.address, 2 * 2**20, 3) as cutter:
        fetch.variables["STORAGE_EMULATOR_HOST"] = cutter.address
        found = fetch("gs://large/models/tiny")
    assert (found["kind"], cutter.cuts) == ("Fetched", 0)
    assert len(contents(found["path"])["model.safetensors"]) == 40 * 2**20


def test_a_byte_that_changes_on_the_way_is_noticed_and_heals(fetch, store):
    with Cutter(store.address, 2 * 2**20, 1, spoils=True) as spoiler:
        fetch.variables["STORAGE_EMULATOR_HOST"] = spoiler.address
        found = fetch("gs://large/models/tiny")
        assert (found["reason"], spoiler.cuts) == ("ModelDownloadFailed", 0)
        assert "model.safetensors has the crc32c" in found["message"]
        assert fetch("gs://large/models/tiny")["kind"] == "Fetched"


@pytest.mark.parametrize("uri", ["gs://absent/models/tiny", "gs://models/nowhere"])
def test_what_is_not_there_is_not_found(fetch, uri):
    found = fetch(uri)
    assert (found["kind"], found["reason"]) == ("Failed", "ModelNotFound")


@pytest.mark.parametrize(("place", "reason"), [("gated", "ModelAccessDenied"), ("broken", "ModelDownloadFailed")])
def test_a_servers_no_has_its_reason(fetch, tmp_path, place, reason):
    with serving(Site(tmp_path)) as address:
        fetch.variables["STORAGE_EMULATOR_HOST"] = f"{address}/{place}"
        found = fetch(MODEL)
    assert (found["kind"], found["reason"]) == ("Failed", reason)


@pytest.mark.parametrize("text", ["[]", '{"private_key": "swordfish"}'])
def test_a_secret_that_is_no_key_is_said_without_showing_it(fetch, text):
    fetch.variables["GOOGLE_CREDENTIALS"] = text
    found = fetch(MODEL)
    assert (found["kind"], found["reason"]) == ("Failed", "ModelAccessDenied")
    assert "the Secret's GOOGLE_CREDENTIALS is not the JSON of a service account's key" in found["message"]
    assert "swordfish" not in json.dumps(found)


def test_a_key_that_google_does_not_take_is_access_denied(fetch, tmp_path):
    with serving(Site(tmp_path)) as address:
        fetch.variables["GOOGLE_CREDENTIALS"] = service_account(f"{address}/gated/token")
        found = fetch(MODEL)
    assert (found["kind"], found["reason"]) == ("Failed", "ModelAccessDenied")


def service_account(token_uri):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    text = key.private_bytes(serialization.Encoding.PEM, *plain).decode()
    mail = "reader@project.iam.gserviceaccount.com"
    members = {"type": "service_account", "private_key": text, "client_email": mail, "token_uri": token_uri}
    return json.dumps(members)
