"""shelf.py: sources are copied, checked and published; what was published stays."""

import errno
import os
import shutil

import pytest

from e2e.engine import tiny_adapter, tiny_model
from llmfleet_runtime import shelf as module
from llmfleet_runtime.contract import Adapter, AdapterReason
from llmfleet_runtime.hub import shapes
from llmfleet_runtime.preflight import AdapterRefused
from llmfleet_runtime.shelf import Shelf


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def source(tmp_path, model):
    return tiny_adapter(tmp_path / "claim" / "adapters" / "sql", model)


def no_hub(repository, revision):
    raise AdapterRefused(AdapterReason.ACCESS_DENIED, f"{repository} {revision}")


@pytest.fixture
def shelf(tmp_path):
    return Shelf(tmp_path / "shelf", tmp_path / "claim", no_hub)


@pytest.fixture
def put(shelf, model):
    return lambda adapter: shelf.put(adapter, shapes(model), 16)


def of(source, **members):
    return Adapter(name="sql", uri=f"file://{source}", **members)


CLAIMED = Adapter(name="sql", uri="pvc://models/adapters/sql")


@pytest.mark.parametrize("scheme", ["file", "pvc"])
def test_files_are_copied_so_that_the_source_may_go(put, shelf, source, scheme):
    place = put(of(source) if scheme == "file" else CLAIMED)
    shutil.rmtree(source)
    assert shelf.commit(of(source)) is None
    assert sorted(each.name for each in place.iterdir()) == ["adapter_config.json", "adapter_model.safetensors"]
    assert put(of(source) if scheme == "file" else CLAIMED) == place


def test_another_revision_has_a_place_of_its_own(put, source):
    assert put(of(source)) != put(of(source, revision="2"))


def test_a_repository_is_asked_of_the_hub_and_its_links_are_followed(tmp_path, source, model):
    cache = tmp_path / "0123abcd"
    cache.mkdir()
    for each in source.iterdir():
        (cache / each.name).symlink_to(each)
    asked = []

    def hub(repository, revision):
        asked.append((repository, revision))
        return cache

    shelf = Shelf(tmp_path / "shelf", tmp_path, hub)
    wanted = Adapter(name="sql", uri="hf://team/sql", revision="v2")
    place = shelf.put(wanted, shapes(model), 16)
    assert (asked, shelf.commit(wanted)) == ([("team/sql", "v2")], "0123abcd")
    assert not any(each.is_symlink() for each in place.iterdir())


def no_config(source):
    (source / "adapter_config.json").unlink()


def no_weights(source):
    (source / "adapter_model.safetensors").unlink()


def pickled(source):
    (source / "adapter_model.safetensors").rename(source / "adapter_model.bin")


def cut(source):
    path = source / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def no_json(source):
    (source / "adapter_config.json").write_text("{")


def a_list(source):
    (source / "adapter_config.json").write_text("[]")


def wrong_kinds(source):
    (source / "adapter_config.json").write_text(
        '{"r": 8, "lora_alpha": 8, "target_modules": [], "rank_pattern": [1], "modules_to_save": 7}'
    )


def huge_config(source):
    (source / "adapter_config.json").write_text(" " * (module.LARGEST_CONFIG_BYTES + 1))


def linked_out(source):
    (source / "adapter_config.json").unlink()
    (source / "adapter_config.json").symlink_to("/etc/hostname")


def gone(source):
    shutil.rmtree(source)


BROKEN = {
    no_config: ("AdapterNotFound", "there is no adapter_config.json at its uri"),
    no_weights: ("AdapterNotFound", "there is no adapter_model.safetensors at its uri"),
    gone: ("AdapterNotFound", "there is no adapter_config.json at its uri"),
    pickled: ("AdapterUnsupported", "adapter_model.bin may hold code; save it as adapter_model.safetensors"),
    cut: ("AdapterInvalid", "adapter_model.safetensors is cut"),
    no_json: ("AdapterInvalid", "adapter_config.json is no JSON"),
    a_list: ("AdapterInvalid", "adapter_config.json is no JSON object"),
    wrong_kinds: ("AdapterInvalid", "adapter_config.json has a member of the wrong kind"),
    huge_config: ("AdapterInvalid", "adapter_config.json is larger than"),
    linked_out: ("AdapterInvalid", "adapter_config.json is a link that leads out of the adapter's place"),
}


@pytest.mark.proves("F43", "S31")
@pytest.mark.parametrize("broken", BROKEN, ids=lambda each: each.__name__)
def test_a_broken_adapter_is_refused_leaves_nothing_and_is_taken_once_mended(put, shelf, source, model, broken):
    broken(source)
    with pytest.raises(AdapterRefused) as refusal:
        put(of(source))
    reason, words = BROKEN[broken]
    assert (refusal.value.reason, str(refusal.value)[: len(words)]) == (reason, words)
    assert list(shelf.place(of(source)).parent.glob("*")) == []
    shutil.rmtree(source, ignore_errors=True)
    tiny_adapter(source, model)
    assert put(of(source)).is_dir()


@pytest.mark.proves("S31")
def test_a_path_that_climbs_out_of_the_claim_is_refused(put, source, tmp_path, model):
    tiny_adapter(tmp_path / "secret", model)
    with pytest.raises(AdapterRefused, match="leads out"):
        put(Adapter(name="sql", uri="pvc://models/../secret"))


def test_an_unknown_scheme_is_said(put):
    with pytest.raises(AdapterRefused, match="cannot open s3:// addresses"):
        put(Adapter(name="sql", uri="s3://bucket/sql"))


def test_what_the_engine_refused_is_read_again(put, shelf, source):
    place = put(of(source))
    shelf.discard(of(source))
    assert not place.exists()
    assert put(of(source)) == place


@pytest.mark.parametrize(
    ("number", "reason", "words"),
    [
        (errno.ENOSPC, "DiskFull", "the pod's disk is full"),
        (errno.EIO, "AdapterDownloadFailed", "cannot be read: Input"),
    ],
)
def test_a_disk_that_fails_is_a_reason(put, source, monkeypatch, number, reason, words):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(module.shutil, "copyfile", fail)
    with pytest.raises(AdapterRefused, match=words) as refusal:
        put(of(source))
    assert refusal.value.reason == reason


def test_what_a_start_before_left_half_done_is_taken_away(shelf, tmp_path, put, source):
    place = put(of(source))
    half = place.with_name(".half")
    half.mkdir()
    (half / "leftover").touch()
    Shelf(place.parent, tmp_path, no_hub)
    assert (half.exists(), place.exists()) == (False, True)


def test_a_second_fetch_that_comes_later_changes_nothing(shelf, source, model, monkeypatch):
    """As when the first one was given up and came after all."""
    place, fetch = shelf.place(of(source)), shelf._fetch

    def slowly(adapter, staged):
        fetch(adapter, staged)
        if not place.exists():
            monkeypatch.setattr(shelf, "_fetch", fetch)
            shelf.put(adapter, {}, 16)
            (place / "first").touch()

    monkeypatch.setattr(shelf, "_fetch", slowly)
    assert shelf.put(of(source), {}, 16) == place
    assert (place / "first").exists()
    assert [*place.parent.glob(".*")] == []
