"""An order carried out with a stand-in for the libraries: what is done, what is not done again, what is refused.

The libraries themselves are proved by tests/engine/test_quantize.py and ``poe bench quantize``.
"""

import pytest

from llmfleet_runtime.contract import Made
from llmfleet_runtime.quantizing.material import Refused, material
from llmfleet_runtime.quantizing.program import carry_out
from llmfleet_runtime.quantizing.recipes import RECIPES
from llmfleet_runtime.quantizing.source import NoSource
from llmfleet_runtime.quantizing.store import Occupied
from tests.unit.runtime.quantizing.conftest import SECTIONS


def carried_out(order):
    told = []
    carry_out(order, told.append)
    return [each for each in told if isinstance(each, Made)], [each for each in told if not isinstance(each, Made)]


def test_the_source_and_every_checkpoint_are_told_with_what_they_are(libraries, order, tmp_path):
    made, steps = carried_out(order)
    assert [(each.method, each.requirement) for each in made] == [
        ("", "None"),
        ("FP8", "FP8"),
        ("GPTQ", "CompressedTensors"),
    ]
    assert made[1].folder == str(tmp_path / "out/fp8")
    assert made[1].precision == "compressed-tensors, FP8 channel dynamic float8 token"
    assert made[1].quality.agreement == 1.0
    assert {each.subject for each in steps} == {"source", "FP8", "GPTQ"}


def test_a_run_that_was_cut_goes_on_where_it_was(libraries, order):
    libraries.broken = {"GPTQ"}
    with pytest.raises(RuntimeError, match="killed"):
        carried_out(order)
    libraries.broken = set()
    made, _ = carried_out(order)
    assert len(made) == 3
    assert libraries.made == ["FP8", "GPTQ", "GPTQ"]
    assert libraries.seen == ["model", "fp8", "gptq"]


def test_a_finished_order_does_nothing_and_tells_the_same(libraries, order):
    first, _ = carried_out(order)
    again, _ = carried_out(order)
    assert again == first
    assert libraries.made == ["FP8", "GPTQ"]


def test_a_further_method_is_compared_with_what_is_known_of_the_source(libraries, order):
    carried_out(order.model_copy(update={"methods": ("FP8",)}))
    made, _ = carried_out(order)
    assert len(made) == 3
    assert libraries.seen == ["model", "fp8", "gptq"]


@pytest.mark.parametrize("changed", [{"samples": 2}, {"length": 32}])
def test_what_was_calibrated_otherwise_is_not_taken_for_the_same(libraries, order, changed):
    carried_out(order)
    with pytest.raises(Occupied, match="gptq holds something else"):
        carried_out(order.model_copy(update=changed))


def test_what_looks_at_no_text_is_the_same_with_any_text(libraries, order):
    only = order.model_copy(update={"methods": ("FP8",)})
    carried_out(only)
    carried_out(only.model_copy(update={"length": 32}))
    assert libraries.made == ["FP8"]
    assert libraries.seen == ["model", "fp8", "model", "fp8"]


def test_another_source_is_not_taken_for_the_same(libraries, order, tmp_path):
    carried_out(order)
    config = tmp_path / "model/config.json"
    config.write_text(config.read_text() + " ")
    with pytest.raises(Occupied, match="fp8 holds something else"):
        carried_out(order)
    assert libraries.seen == ["model", "fp8", "gptq"]  # nothing is evaluated for an order that cannot be finished


def test_a_library_that_makes_something_else_publishes_nothing(libraries, order, tmp_path):
    libraries.sections["FP8"] = SECTIONS["GPTQ"]
    with pytest.raises(Refused, match=r"FP8: llm-compressor made .*INT4.* expected was .*FP8"):
        carried_out(order)
    assert not (tmp_path / "out/fp8").exists()


def test_a_text_that_is_too_short_is_refused_before_anything_is_made(libraries, order, tmp_path):
    (tmp_path / "text").write_text("It is a truth.\n")
    with pytest.raises(Refused, match="give a longer --text"):
        carried_out(order)
    assert libraries.made == libraries.seen == []


@pytest.mark.parametrize(("length", "shapes"), [(64, (64, 16, 32)), (16, (16, 4, 12)), (9000, (8191, 2047, 32))])
def test_everything_that_is_shown_fits_in_the_models_context(libraries, order, tmp_path, length, shapes):
    (tmp_path / "text").write_text("It is a truth universally acknowledged.\n" * 10_000)
    (tmp_path / "out").mkdir()
    shown = material(order.model_copy(update={"length": length}), [RECIPES["FP8"]], lambda *_: None).shown
    window, prompt, more = shapes
    assert {len(each) for each in shown.windows} == {window}
    assert ({len(each) for each in shown.beginnings}, shown.more) == ({prompt}, more)
    assert all(each[0] == 0 for each in (*shown.windows, *shown.beginnings))


def test_a_folder_without_a_model_is_said(libraries, order, tmp_path):
    with pytest.raises(NoSource, match=r"holds no config\.json"):
        carried_out(order.model_copy(update={"model": str(tmp_path)}))
