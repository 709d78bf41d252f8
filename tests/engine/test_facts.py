"""Model facts against what vLLM itself reads of the same configurations."""

import json
import subprocess
from pathlib import Path

import pytest

from llmfleet_runtime.facts import LayerKind
from tests.unit.operator.fit.models import PUBLIC, public


@pytest.fixture(scope="module")
def configured(python, tmp_path_factory):
    folders = {}
    for number, (name, entry) in enumerate(PUBLIC.items()):
        folder = tmp_path_factory.mktemp(f"model{number}")
        (folder / "config.json").write_text(json.dumps(entry["config"]))
        folders[name] = str(folder)
    script = Path(__file__).with_name("configured.py")
    told = subprocess.run([python, str(script)], input=json.dumps(folders), capture_output=True, text=True, check=True)
    return json.loads(told.stdout.rpartition("ANSWER ")[2])


@pytest.mark.parametrize("name", PUBLIC)
def test_sizes_are_those_the_engine_reads(configured, name):
    engine, facts = configured[name], public(name)
    assert "error" not in engine
    members = {"heads", "hidden_size", "vocab_size", "experts", "experts_per_token", "max_positions"}
    if facts.architecture == "NemotronHForCausalLM" and facts.experts is None:
        members -= {"experts", "experts_per_token"}  # its class has defaults for layers that this model has none of
    assert {each: getattr(facts, each) for each in members} == {each: engine[each] for each in members}


@pytest.mark.parametrize("name", PUBLIC)
def test_layers_keep_what_the_engine_makes_them_keep(configured, name):
    engine, groups = configured[name], public(name).layers
    kept = {each.kind: each for each in groups}
    if engine["is_latent"]:
        assert [(each.kind, each.layers, each.head_dim) for each in groups] == [
            (LayerKind.LATENT, engine["layers"], engine["head_dim"])
        ]
        return
    for kind in kept.keys() - {LayerKind.STATE}:
        assert (kept[kind].kv_heads, kept[kind].head_dim) == (engine["kv_heads"], engine["head_dim"])
    if LayerKind.STATE not in kept:
        assert sum(each.layers for each in groups) == engine["layers"]


@pytest.mark.parametrize("name", PUBLIC)
def test_windows_are_where_the_engine_has_them(configured, name):
    engine, groups = configured[name], public(name).layers
    windowed = sum(each.layers for each in groups if each.kind is LayerKind.SLIDING)
    if engine["windowed"] and engine["full"]:
        expected = engine["windowed"]
    else:
        expected = engine["layers"] if engine["window"] else 0
    assert windowed == expected
    assert {each.window for each in groups if each.window} == ({engine["window"]} if windowed else set())
