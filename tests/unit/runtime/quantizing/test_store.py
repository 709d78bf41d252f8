"""The folder of checkpoints: whole or not there, and one run at a time."""

import pytest

from llmfleet_runtime.quantizing.evaluation import Observed
from llmfleet_runtime.quantizing.store import RECORD, Occupied, Store, fingerprint, key, size

OBSERVED = Observed(by="a", logprobs=(-1.0,), choices=((1,),), continuations=((2,),))


@pytest.fixture
def store(tmp_path):
    found = Store(tmp_path / "out")
    with found.held():
        yield found


def make(store, method="FP8", identity="one"):
    with store.making(method) as (folder, finish):
        (folder / "model.safetensors").write_bytes(b"weights")
        (folder / "model.safetensors").chmod(0o600)
        finish({"identity": identity})


def make_half(store):
    with store.making("FP8") as (folder, _):
        (folder / "model.safetensors").write_bytes(b"half")
        raise RuntimeError("out of memory")


def test_a_checkpoint_appears_whole_with_its_record(store):
    make(store)
    assert {each.name for each in store.place("FP8").iterdir()} == {"model.safetensors", RECORD}
    assert store.made("FP8", "one") == {"identity": "one"}
    assert size(store.place("FP8")) == len(b"weights")


def test_pods_of_any_user_can_read_a_checkpoint(store):
    make(store)
    assert {each.stat().st_mode & 0o777 for each in store.place("FP8").iterdir()} == {0o644}


def test_what_breaks_while_it_is_made_leaves_nothing(store, tmp_path):
    with pytest.raises(RuntimeError, match="out of memory"):
        make_half(store)
    assert not store.place("FP8").exists()
    assert store.made("FP8", "one") is None
    assert [each.name for each in (tmp_path / "out/.llmfleet").iterdir()] == ["lock"]


def test_what_a_killed_run_left_is_begun_anew(store, tmp_path):
    left = tmp_path / "out/.llmfleet/fp8.partial"
    left.mkdir()
    (left / "model-00001.safetensors").write_bytes(b"old")
    make(store)
    assert not (store.place("FP8") / "model-00001.safetensors").exists()


@pytest.mark.parametrize("record", ['{"identity": "other"}', "[]", "{", None])
def test_nothing_that_stands_in_the_place_is_overwritten_or_taken_for_ours(store, record):
    store.place("FP8").mkdir()
    if record is not None:
        (store.place("FP8") / RECORD).write_text(record)
    with pytest.raises(Occupied, match=r"holds something else.*remove it, or take another --out"):
        store.made("FP8", "one")


def test_two_runs_do_not_share_a_folder(store, tmp_path):
    with pytest.raises(Occupied, match="another run"), Store(tmp_path / "out").held():
        pass


def test_what_was_observed_is_kept_and_a_torn_file_is_as_good_as_none(store, tmp_path):
    assert store.observed("a") is None
    store.keep("a", OBSERVED)
    assert store.observed("a") == OBSERVED
    (tmp_path / "out/.llmfleet/a.json").write_text('{"by": "a"')
    assert store.observed("a") is None


def test_a_model_is_told_apart_by_the_names_sizes_and_ends_of_its_files(tmp_path):
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(bytes(3 * 2**20))
    first = fingerprint(tmp_path)
    assert fingerprint(tmp_path) == first
    weights.write_bytes(bytes(3 * 2**20 - 1) + b"1")
    assert fingerprint(tmp_path) != first
    weights.rename(tmp_path / "other.safetensors")
    assert len({fingerprint(tmp_path), first}) == 2


def test_a_key_is_the_same_for_the_same_parts_only():
    assert key("a", None, [1]) == key("a", None, [1])
    assert len({key("a", None), key("a", ""), key("a"), key(None, "a")}) == 4
