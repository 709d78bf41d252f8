"""``llmfleet quantize``: what it refuses, hands over, shows and writes, with a stand-in for the program."""

import json
import stat
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from e2e.engine import tiny_model
from llmfleet.__main__ import main
from llmfleet.shell.quantizing import made
from llmfleet_runtime.contract import Made, Order, Quality, Refusal, Step

SCRIPT = """#!{python}
import json, pathlib, sys
pathlib.Path({order!r}).write_text(sys.stdin.read())
print("what a library says", file=sys.stderr)
for line in {lines!r}:
    print(line, flush=True)
sys.exit({code})
"""


def told(folder, method="", speed=None, **quality):
    numbers = {"by": "vLLM 0.32.0+cpu", "tokens": 8160, "perplexity": 49.2, "tokens_per_second": speed, **quality}
    numbers["first_token_seconds"] = speed and 0.02
    requirement = {"": "None", "FP8": "FP8", "GPTQ": "CompressedTensors"}[method]
    return Made(
        method=method,
        folder=str(folder),
        bytes=2**21,
        precision="p",
        requirement=requirement,
        quality=Quality(**numbers),
    )


@pytest.fixture
def model(tmp_path):
    return tiny_model(tmp_path / "model")


@pytest.fixture
def program(tmp_path, model):
    """Write a stand-in for a Python with llm-compressor; what it was ordered is in ``order.json``."""

    def write(*documents, code=0):
        path, lines = tmp_path / "python", [each.to_json() for each in documents]
        path.write_text(
            SCRIPT.format(python=sys.executable, order=str(tmp_path / "order.json"), lines=lines, code=code)
        )
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return str(path)

    return write


@pytest.fixture
def whole(program, model):
    def write(speed=None):
        worse = {"perplexity": 49.7, "agreement": 0.9754, "same_beginning": 0.4375}
        step = Step(subject="FP8", doing="quantizing", done=1, of=2)
        return program(
            told(model, speed=speed), step, told(model, "FP8", speed, **worse), told(model, "GPTQ", speed, **worse)
        )

    return write


def ran(model, out, *arguments):
    return CliRunner().invoke(main, ["quantize", str(model), "--out", str(out), *arguments])


BOTH = ("--method", "fp8", "--method", "GPTQ", "--gpu", "L4")


def test_people_see_progress_and_one_table(model, tmp_path, whole):
    found = ran(model, tmp_path / "out", *BOTH, "--python", whole())
    assert found.exit_code == 0, found.output
    assert "FP8: quantizing 1 of 2" in found.stderr
    rows = [line.split() for line in found.stdout.splitlines()]
    fp8 = next(row for row in rows if row and row[0] == "FP8")
    assert fp8[1] == "FP8"
    assert {"49.70", "+1.02", "97.5%", "44%", "-"} <= set(fp8)
    gptq = next(row for row in rows if row and row[0] == "GPTQ")
    assert gptq[1] == "CompressedTensors"
    assert "memory on NVIDIA-L4" in found.stdout
    assert "evaluated by vLLM 0.32.0+cpu on 8,160 tokens" in found.stdout


def test_programs_get_a_document(model, tmp_path, whole):
    found = json.loads(ran(model, tmp_path / "out", *BOTH, "--python", whole(50.0), "-o", "json").stdout)
    assert [each["method"] for each in found["checkpoints"]] == ["source", "FP8", "GPTQ"]
    fp8 = found["checkpoints"][1]
    assert fp8["perplexityRatio"] == pytest.approx(49.7 / 49.2, abs=1e-5)
    assert fp8["quality"]["tokensPerSecond"] == 50.0
    assert fp8["predicted"]["product"] == "NVIDIA-L4"


def test_the_program_is_ordered_what_was_asked(model, tmp_path, whole):
    (tmp_path / "text").write_text("words")
    asked = ("--python", whole(), "--text", str(tmp_path / "text"), "--samples", "7", "--judged", "8", "--length", "99")
    ran(model, f"file://{tmp_path}/out", *BOTH, *asked, "--engine", "/usr/bin/python3")
    order = Order.model_validate_json((tmp_path / "order.json").read_text())
    assert (order.model, order.out, order.methods) == (str(model), f"{tmp_path}/out", ("FP8", "GPTQ"))
    assert (order.text, order.samples, order.judged, order.length) == (str(tmp_path / "text"), 7, 8, 99)
    assert order.engine == "/usr/bin/python3"


def test_a_model_of_a_hub_is_handed_on_by_name(tmp_path, whole):
    ran("hf://org/name", tmp_path / "out", *BOTH, "--python", whole(), "--revision", "abc")
    order = Order.model_validate_json((tmp_path / "order.json").read_text())
    assert (order.model, order.revision) == ("org/name", "abc")


def test_what_the_libraries_say_is_kept_in_a_file(model, tmp_path, whole):
    ran(model, tmp_path / "out", *BOTH, "--python", whole())
    assert (tmp_path / "out/llmfleet-quantize.log").read_text() == "what a library says\n"


@pytest.mark.parametrize("speed", [None, 50.0])
def test_a_picture_is_written(model, tmp_path, whole, speed):
    found = ran(model, tmp_path / "out", *BOTH, "--python", whole(speed), "--plot", str(tmp_path / "a.png"))
    assert found.exit_code == 0, found.output
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "a.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--method", "NVFP4", "--gpu", "CPU"), "vLLM does not serve NVFP4 on CPU; FP8, INT8, GPTQ or AWQ would"),
        (("--method", "FP8", "--gpu", "V100-32GB"), "vLLM does not serve FP8 on Tesla-V100"),
        (("--method", "FP8", "--gpu", "TPU"), "TPU is not known; known are CPU, "),
        (("--method", "Q4_K_M"), "'Q4_K_M' is not one of"),
        (("--method", "FP8", "--length", "8"), "is not in the range"),
        (("--method", "FP8", "--out", "s3://bucket/a"), "are written to a folder, as PATH or file:///PATH"),
        (("--method", "FP8", "--plot", "nowhere/a.png"), "the folder does not exist"),
        ((), "Missing option '--method'"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_before_the_program_runs(model, tmp_path, whole, arguments, words):
    found = ran(model, tmp_path / "out", *arguments, "--python", whole())
    assert found.exit_code != 0
    assert words in " ".join(found.output.split())
    assert not (tmp_path / "order.json").exists()


def test_a_model_that_is_no_folder_is_said(tmp_path, whole):
    found = ran("org/name", tmp_path / "out", "--method", "FP8", "--python", whole())
    assert "org/name: not a folder; give one, or hf://ORG/NAME" in " ".join(found.output.split())


def test_a_refusal_of_the_program_is_shown_in_its_words(model, tmp_path, program):
    python = program(Refusal(reason="the text is too short"), code=65)
    found = ran(model, tmp_path / "out", "--method", "FP8", "--python", python)
    assert (found.exit_code, found.stderr) == (1, "Error: the text is too short\n")


def test_a_program_that_dies_is_said_with_its_last_words(model, tmp_path, program):
    found = ran(model, tmp_path / "out", "--method", "FP8", "--python", program(code=-9))
    assert found.exit_code == 1
    assert "it ended with 247" in found.stderr
    assert "what a library says" in found.stderr


def test_who_stops_listening_ends_the_program(model, tmp_path):
    waits = tmp_path / "waits"
    step = Step(subject="FP8", doing="quantizing").to_json()
    waits.write_text(f"#!{sys.executable}\nimport os, time\nprint({step!r}, flush=True)\ntime.sleep(60)\n")
    waits.chmod(0o755)
    order = Order(model=str(model), methods=("FP8",), out=str(tmp_path))
    began, telling = time.monotonic(), made(order, str(waits), tmp_path / "log")
    assert next(telling).doing == "quantizing"
    telling.close()
    assert time.monotonic() - began < 30


def test_a_python_that_is_not_there_is_said(model, tmp_path):
    found = ran(model, tmp_path / "out", "--method", "FP8", "--python", "/nowhere/python")
    assert "/nowhere/python cannot be run: No such file or directory" in found.stderr


def test_without_the_library_the_next_step_is_said(model, tmp_path):
    found = ran(model, tmp_path / "out", "--method", "FP8", "--python", sys.executable)
    assert found.exit_code == 1
    assert found.stderr == (
        f"Error: {sys.executable} has no llmcompressor: pip install 'llmfleet[quantize]' there, "
        "or name another with --python\n"
    )


def test_the_engines_own_modules_are_not_needed_to_ask_for_help():
    found = CliRunner().invoke(main, ["quantize", "--help"])
    assert found.exit_code == 0
    assert Path("llmfleet-quantize.log").name in " ".join(found.output.split())
