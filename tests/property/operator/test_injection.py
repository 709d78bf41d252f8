"""Whatever a string says, it arrives byte for byte where it belongs and nowhere else, or is refused."""

import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from llmfleet.core import manifests
from llmfleet.core.fleet import plan
from llmfleet.core.plan import Apply
from llmfleet.core.render import render
from llmfleet.core.revision import revision_of
from llmfleet.core.template import freeze
from llmfleet_runtime.contract import EngineConfig
from tests.builders import DEFAULTS, NOW, UID, Raw, deployment, look, parsed, with_spec

EVIL = (
    "'", '"', "\n", "\r\n", "\t", "{{ 7 * 7 }}", "{% raw %}", "{#", "$(HOME)", "`id`", "--flag", "- item", "a: b",
    "#", "&a *a", "!!python/object:os.system", "\\", "\\n", "\\ud83d\\ude00", "\N{GRINNING FACE}", "\x85", "\u2028",
    "\x00", "\ufeff", "null", "true", "1e3", "~", "]}", "%", "|", ">",
)  # fmt: skip
TEXTS = st.one_of(
    st.text(max_size=40),
    st.lists(st.sampled_from(EVIL), min_size=1, max_size=4).map("".join),
    st.tuples(st.from_regex(r"[a-z0-9/._-]{1,12}", fullmatch=True), st.sampled_from(EVIL)).map("".join),
)

FIELDS: dict[str, Any] = {
    "model.uri": lambda text: {"model": {"uri": text}},
    "model.revision": lambda text: {"model": {"revision": text}},
    "model.credentials.secretName": lambda text: {"model": {"credentials": {"secretName": text}}},
    "model.cache.claimName": lambda text: {
        "model": {"cache": {"type": "PersistentVolumeClaim", "persistentVolumeClaim": {"claimName": text}}}
    },
    "model.cache.storageClassName": lambda text: {
        "model": {"cache": {"type": "Ephemeral", "ephemeral": {"storageClassName": text, "size": "1Gi"}}}
    },
    "access.podLabels": lambda text: {"access": {"from": [{"podLabels": {"mine": text}}]}},
    "model.servedNames": lambda text: {"model": {"servedNames": [text]}},
    "engine.image": lambda text: {"engine": {"image": text}},
    "engine.args.value": lambda text: {"engine": {"args": [{"name": "tool-call-parser", "value": text}]}},
    "engine.env.value": lambda text: {"engine": {"env": [{"name": "A", "value": text}]}},
    "engine.env.name": lambda text: {"engine": {"env": [{"name": text, "value": "a"}]}},
    "accelerator.products": lambda text: {"accelerator": {"products": [text]}},
    "accelerator.resourceName as key": lambda text: {"accelerator": {"resourceName": text}},
    "resources.requests.cpu": lambda text: {"resources": {"requests": {"cpu": text}}},
    "resources.sharedMemory": lambda text: {"resources": {"sharedMemory": text}},
    "pod.labels": lambda text: {"pod": {"labels": {"mine": text}}},
    "pod.labels key": lambda text: {"pod": {"labels": {text: "a"}}},
    "pod.annotations": lambda text: {"pod": {"annotations": {"mine": text}}},
    "pod.annotations key": lambda text: {"pod": {"annotations": {text: "a"}}},
    "pod.serviceAccountName": lambda text: {"pod": {"serviceAccountName": text}},
    "pod.imagePullSecrets": lambda text: {"pod": {"imagePullSecrets": [text]}},
    "pod.priorityClassName": lambda text: {"pod": {"priorityClassName": text}},
    "pod.runtimeClassName": lambda text: {"pod": {"runtimeClassName": text}},
    "pod.schedulerName": lambda text: {"pod": {"schedulerName": text}},
    "pod.nodeSelector": lambda text: {"pod": {"nodeSelector": {"mine": text}}},
    "pod.nodeSelector key": lambda text: {"pod": {"nodeSelector": {text: "a"}}},
    "pod.tolerations.value": lambda text: {"pod": {"tolerations": [{"key": "a", "value": text}]}},
    "pod.tolerations.key": lambda text: {"pod": {"tolerations": [{"key": text}]}},
    "pod.topologySpread": lambda text: {"pod": {"topologySpread": [{"topologyKey": text}]}},
    "service.annotations": lambda text: {"service": {"annotations": {"mine": text}}},
}
PLACEHOLDERS = dict.fromkeys(FIELDS, "1") | {"engine.env.name": "A"}
"""A harmless text for each field."""


def made(text: str, field: str) -> list[Raw]:
    """All children of a fleet whose field says this; ValidationError when the text is refused."""
    raw = deployment(with_spec(**FIELDS[field](text)))
    parsed(raw)
    return [dict(each.manifest) for each in plan(look(raw), DEFAULTS, NOW).actions if isinstance(each, Apply)]


def skeleton(value: Any) -> Any:
    """The shape of a document: its members and kinds of values, no strings."""
    if isinstance(value, dict):
        return sorted((key, skeleton(each)) for key, each in value.items())
    return [skeleton(each) for each in value] if isinstance(value, list) else type(value).__name__


@pytest.mark.proves("R70", "S62", "S63")
@pytest.mark.parametrize("field", sorted(each for each in FIELDS if not each.endswith("key") and each != "model.uri"))
@given(text=TEXTS)
def test_a_text_changes_no_shape_and_arrives_byte_for_byte(field: str, text: str) -> None:
    try:
        children = made(text, field)
    except ValidationError:
        return
    plain = made(PLACEHOLDERS[field], field)
    fleet, usual = children[-1], plain[-1]
    assert skeleton(fleet["spec"]) == skeleton(usual["spec"])
    assert [skeleton(each["metadata"]) for each in children] == [skeleton(each["metadata"]) for each in plain]
    strings = set(_strings(children)) | set(_strings([json.loads(engine_json(children))]))
    assert text in strings


def engine_json(children: list[Raw]) -> str:
    return str(next(each["data"]["engine.json"] for each in children if "engine.json" in each.get("data", {})))


def _strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [found for each in (*value.keys(), *value.values()) for found in _strings(each)]
    if isinstance(value, list):
        return [found for each in value for found in _strings(each)]
    return [value] if isinstance(value, str) else []


@pytest.mark.proves("R70", "S63")
@pytest.mark.parametrize("field", sorted(each for each in FIELDS if each.endswith("key")))
@given(text=TEXTS)
def test_a_key_arrives_byte_for_byte(field: str, text: str) -> None:
    try:
        children = made(text, field)
    except ValidationError:
        return
    assert text in _strings(children[-1])


@pytest.mark.proves("R70", "S51", "S62")
@given(TEXTS, TEXTS, TEXTS, st.lists(TEXTS, min_size=1, max_size=3))
def test_the_engine_document_is_what_the_spec_says_byte_for_byte(value: str, env: str, name: str, served: list) -> None:
    engine = {"args": [{"name": "tool-call-parser", "value": value}], "env": [{"name": "A", "value": env}]}
    try:
        ours = parsed(deployment(with_spec(engine=engine, model={"servedNames": served})))
    except ValidationError:
        assume("\0" not in value + env)  # which is refused
        ours = parsed(deployment(with_spec(engine=engine)))
    of = revision_of(ours)
    frozen = freeze(ours, of, DEFAULTS)
    text = manifests.engine_config_map(ours, of, frozen)["data"]["engine.json"]
    assert text == frozen.engine_json
    read = EngineConfig.model_validate_json(text)
    assert (read.args[0].value, read.env[0].value) == (value, env)
    assert read.served_names == (ours.spec.model.served_names or ("qwen",))
    recorded = manifests.frozen_of(json.loads(json.dumps(manifests.controller_revision(ours, of, 1, frozen))))
    assert recorded == frozen


@pytest.mark.proves("R70", "S63")
@given(st.dictionaries(TEXTS, TEXTS, max_size=5))
def test_a_template_places_any_value_as_it_is(data: dict[str, str]) -> None:
    values = {"metadata": {"name": "a", "uid": UID}, "immutable": True, "data": data}
    assert render("configmap", values)["data"] == data
