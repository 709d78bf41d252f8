"""What a model's download needs in the pod: the hub's token, and the volume under the cache."""

import json
from typing import Any

import pytest
from kubernetes.aio import client

from llmfleet.core.fleet import plan
from llmfleet.core.revision import revision_of
from llmfleet.core.template import freeze
from llmfleet_runtime.contract import GOOGLE_CREDENTIALS, REGISTRY_LOGIN, STORE_KEYS, STORE_SETTINGS
from tests.builders import DEFAULTS, NOW, Raw, deployment, look, merged, parsed, revision, with_spec

TOKEN = {"secretName": "hub"}
CLAIM = {"type": "PersistentVolumeClaim", "persistentVolumeClaim": {"claimName": "models"}}
EPHEMERAL = {"type": "Ephemeral", "ephemeral": {"storageClassName": "fast", "size": "200Gi"}}


def template(**model: Any) -> Raw:
    """The pod template of a fleet with this model."""
    ours = parsed(deployment(with_spec(model=model)))
    found = freeze(ours, revision_of(ours), DEFAULTS).template
    client.V1PodTemplateSpec.model_validate(found)
    return found


def token(**model: Any) -> list[Raw]:
    (container,) = template(**model)["spec"]["containers"]
    return [each for each in container["env"] if each["name"] == "HF_TOKEN"]


def cache_volume(**model: Any) -> Raw:
    return next(each for each in template(**model)["spec"]["volumes"] if each["name"] == "cache")


def test_the_token_comes_from_the_users_secret_by_reference() -> None:
    (variable,) = token(credentials=TOKEN)
    assert variable == {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "hub", "key": "HF_TOKEN"}}}
    assert token() == []


@pytest.mark.proves("S57", "F42")
def test_a_pod_waits_for_its_secret_instead_of_starting_without_it() -> None:
    (variable,) = token(credentials=TOKEN)
    assert not variable["valueFrom"]["secretKeyRef"].get("optional")


@pytest.mark.parametrize(
    ("cache", "source"),
    [
        ({}, {"emptyDir": {}}),
        ({"type": "EmptyDir"}, {"emptyDir": {}}),
        (
            {"type": "HostPath", "hostPath": {"path": "/mnt/models"}},
            {"hostPath": {"path": "/mnt/models", "type": "Directory"}},
        ),
        (CLAIM, {"persistentVolumeClaim": {"claimName": "models"}}),
        (
            EPHEMERAL,
            {
                "ephemeral": {
                    "volumeClaimTemplate": {
                        "spec": {
                            "accessModes": ["ReadWriteOnce"],
                            "storageClassName": "fast",
                            "resources": {"requests": {"storage": "200Gi"}},
                        }
                    }
                }
            },
        ),
    ],
    ids=["default", "empty dir", "host path", "claim", "ephemeral"],
)
def test_the_cache_lies_on_what_its_type_says(cache: Raw, source: Raw) -> None:
    assert cache_volume(cache=cache) == {"name": "cache"} | source


def test_a_stores_keys_come_from_the_users_secret_and_its_settings_where_it_has_them() -> None:
    (container,) = template(uri="s3://models/tiny", credentials={"secretName": "store"})["spec"]["containers"]
    found = {each["name"]: each["valueFrom"]["secretKeyRef"] for each in container["env"] if "valueFrom" in each}
    assert found == {
        **{key: {"name": "store", "key": key} for key in STORE_KEYS},
        **{key: {"name": "store", "key": key, "optional": True} for key in STORE_SETTINGS},
    }


def test_googles_credentials_come_from_the_users_secret() -> None:
    (container,) = template(uri="gs://models/tiny", credentials={"secretName": "google"})["spec"]["containers"]
    found = {each["name"]: each["valueFrom"]["secretKeyRef"] for each in container["env"] if "valueFrom" in each}
    assert found == {GOOGLE_CREDENTIALS: {"name": "google", "key": GOOGLE_CREDENTIALS}}


def test_a_registrys_log_in_comes_from_the_users_secret() -> None:
    (container,) = template(uri="oci://ghcr.io/team/tiny:v1", credentials={"secretName": "r"})["spec"]["containers"]
    (found,) = (each for each in container["env"] if "valueFrom" in each)
    reference = {"name": "r", "key": ".dockerconfigjson"}
    assert found == {"name": REGISTRY_LOGIN, "valueFrom": {"secretKeyRef": reference}}


@pytest.mark.parametrize(
    ("model", "members"),
    [
        ({"uri": "s3://models/tiny"}, {"model": "s3://models/tiny"}),
        ({"uri": "hf://org/tiny", "files": {"exclude": ["x"]}}, {"model": "org/tiny", "files": {"exclude": ["x"]}}),
        (
            {"uri": "https://host/tiny.tar", "sha256": "a" * 64},
            {"model": "https://host/tiny.tar", "sha256": "a" * 64},
        ),
    ],
    ids=["store", "files", "web"],
)
def test_the_engines_document_says_what_to_fetch(model: Raw, members: Raw) -> None:
    ours = parsed(deployment(with_spec(model=model)))
    document = json.loads(freeze(ours, revision_of(ours), DEFAULTS).engine_json)
    found = {name: document[name] for name in ("model", "files", "sha256") if name in document}
    assert merged({"files": {"include": []}} if "files" in members else {}, members) == found


def test_an_ephemeral_cache_without_a_class_leaves_the_choice_to_the_cluster() -> None:
    volume = cache_volume(cache={"type": "Ephemeral", "ephemeral": {"size": 2**30}})
    claim = volume["ephemeral"]["volumeClaimTemplate"]["spec"]
    assert "storageClassName" not in claim
    assert claim["resources"]["requests"]["storage"] == str(2**30)


@pytest.mark.parametrize("cache", [CLAIM, EPHEMERAL], ids=["claim", "ephemeral"])
def test_pods_that_are_not_root_may_write_to_a_cache_on_a_volume(cache: Raw) -> None:
    security = template(cache=cache)["spec"]["securityContext"]
    assert (security["fsGroup"], security["fsGroupChangePolicy"]) == (65532, "OnRootMismatch")
    assert "fsGroup" not in template()["spec"]["securityContext"]


@pytest.mark.proves("S61")
def test_a_claim_of_somebody_else_is_only_mounted_and_the_model_in_it_only_read() -> None:
    ours = parsed(deployment(with_spec(model={"uri": "pvc://theirs/tiny", "cache": CLAIM})))
    of = revision_of(ours)
    volumes = freeze(ours, of, DEFAULTS).template["spec"]["volumes"]
    claims = [each["persistentVolumeClaim"] for each in volumes if "persistentVolumeClaim" in each]
    assert claims == [{"claimName": "models"}, {"claimName": "theirs", "readOnly": True}]
    applied = plan(look(deployment(with_spec(model={"cache": CLAIM}))), DEFAULTS, NOW).actions
    assert "PersistentVolumeClaim" not in {each.ref.kind for each in applied}


@pytest.mark.parametrize("model", [{"credentials": TOKEN}, {"cache": CLAIM}, {"cache": {"type": "EmptyDir"}}], ids=str)
def test_credentials_and_cache_enter_the_revision_where_they_are_set(model: Raw) -> None:
    assert revision(deployment(with_spec(model=model))) != revision(deployment())


@pytest.mark.proves("R71")
def test_nothing_that_the_operator_makes_holds_more_of_a_secret_than_its_name() -> None:
    ours = parsed(deployment(with_spec(model={"credentials": TOKEN})))
    frozen = freeze(ours, revision_of(ours), DEFAULTS)
    assert "HF_TOKEN" not in frozen.engine_json
    assert "secretKeyRef" in json.dumps(frozen.template)
