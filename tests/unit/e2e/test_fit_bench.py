"""The bench of the fit planner: what it predicts, what it reads of the engine's log, how it judges."""

import sys
from pathlib import Path

import pytest

from e2e.bench.fit import engine
from e2e.bench.fit.command import judge, machine_bytes, model, predict
from e2e.bench.fit.engine import Reported, reported
from e2e.bench.fit.shapes import SHAPES, Shape
from llmfleet.core.fit.planner import Verdict

LOG = "Auto set (3.08/23.54) GiB ... 0.45 GiB memory was consumed by non-kv usages.\n"
LOG += "CPU KV cache size: 32,768 tokens, Maximum concurrency for 1,024 tokens per request: 32.00x\n"


RECORDED_MACHINE_BYTES = 25_276_510_208
RECORDED = {
    "six layers, two heads": 21_760,
    "MQA": 131_072,
    "fp32": 16_384,
    "fp8 cache": 65_536,
    "MLA": 14_560,
    "Qwen2.5-0.5B": 87_296,
    "window everywhere": 29_127,
    "window in half": 50_533,
    "states": 90_112,
    "GQA, by utilization": 1_530_368,
    "MQA, by utilization": 3_654_272,
    "fp8 cache, by utilization": 3_060_608,
    "MLA, by utilization": 676_448,
    "Qwen2.5-0.5B, by utilization": 227_712,
    "window everywhere, by utilization": 1_356_344,
    "window in half, by utilization": 2_357_716,
    "six layers, two heads, by utilization": 1_017_472,
    "fp32, by utilization": 761_728,
    "window in half, fp8 cache, by utilization": 4_713_953,
    "states, by utilization": 4_212_009,
    "adapters, by utilization": 1_526_656,
}
"""Tokens that vLLM 0.32.0 reported on a machine of so much memory, two cores with AVX-512 for bfloat16."""


@pytest.fixture
def gqa(tmp_path: Path) -> tuple[Path, Shape]:
    return model(tmp_path, SHAPES[0]), SHAPES[0]


def test_there_are_enough_shapes_of_both_kinds() -> None:
    assert sum(each.cache_bytes is None for each in SHAPES) >= 12
    assert len({each.name for each in SHAPES}) == len(SHAPES)


def test_a_prediction_is_made_from_the_folder_the_engine_gets(gqa: tuple[Path, Shape]) -> None:
    found = predict(*gqa)
    assert (found.verdict, found.tokens) == (Verdict.FITS, 32768)


@pytest.mark.parametrize("shape", [each for each in SHAPES if each.name in RECORDED], ids=lambda each: each.name)
def test_recorded_reports_are_predicted_within_two_percent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shape: Shape
) -> None:
    monkeypatch.setattr("e2e.bench.fit.command.machine_bytes", lambda: RECORDED_MACHINE_BYTES)
    found = predict(model(tmp_path, shape), shape).tokens
    reach = 0.02 if shape.cache_bytes is None else 0
    assert found == pytest.approx(RECORDED[shape.name], rel=reach)


@pytest.mark.parametrize(("tokens", "is_met"), [(32768, True), (32200, True), (32000, False), (34000, False)])
def test_two_percent_are_met_or_not(gqa: tuple[Path, Shape], tokens: int, *, is_met: bool) -> None:
    rows = judge(gqa[1], predict(*gqa), Reported(tokens, 32.0, 0.5))
    assert [row.met for row in rows] == [is_met, None]


def fake(tmp_path: Path, text: str) -> Path:
    """An interpreter that says this and goes on, or ends when it says nothing of a cache."""
    path = tmp_path / "python3"
    stay = "time.sleep(60)" if "KV cache" in text else ""
    path.write_text(f"#!{sys.executable}\nimport time\nprint({text!r}, flush=True)\n{stay}\n")
    path.chmod(0o755)
    return path


def test_the_log_is_read_and_the_engine_ended(tmp_path: Path) -> None:
    assert reported(fake(tmp_path, LOG), tmp_path, SHAPES[0]) == Reported(32768, 32.0, 0.45)


def test_an_engine_that_ends_early_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"GQA: the engine did not get as far as its cache: no such model"):
        reported(fake(tmp_path, "no such model"), tmp_path, SHAPES[0])


@pytest.mark.parametrize("shape", SHAPES, ids=lambda each: each.name)
def test_memory_is_given_as_bytes_or_as_a_share(shape: Shape) -> None:
    arguments = engine._arguments(Path("/m"), shape)
    given = [each for each in arguments if each.startswith(("--kv-cache-memory-bytes", "--gpu-memory-utilization"))]
    assert len(given) == 1
    assert ("--enable-lora" in arguments) is (shape.lora is not None)


def test_the_machine_has_memory() -> None:
    assert machine_bytes() > 2**28
