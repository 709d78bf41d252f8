"""Quantized checkpoints of a model that has learned a text: made for real, killed on the way, served by real vLLM."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from e2e.bench import row
from e2e.bench.row import Row
from e2e.engine import install
from e2e.engine.compressor import compressor
from e2e.engine.trained import trained
from llmfleet_runtime.argv import BadConfig, Platform
from llmfleet_runtime.checkpoint import checkpoint
from llmfleet_runtime.contract import EngineConfig, Quantization
from llmfleet_runtime.machine import has_amx
from llmfleet_runtime.quantization import on_the_fly

METHODS = ("FP8", "INT8", "GPTQ", "AWQ")
EIGHT_BITS = ("FP8", "INT8")
PERPLEXITY = {8: 1.01, 4: 1.05}
"""At most, of the source's."""
AGREEMENT = {8: 0.95, 4: 0.85}
"""At least: first choices that are the source's."""
SIZE = {8: 0.7, 4: 0.55}
"""At most, of the source's files; the vocabulary's matrices stay as they are, and are a third of this model."""
LEARNED = 150
"""Perplexity at most: who has learned nothing of 1,024 tokens has 1,024."""
KILL_SECONDS = 300
VARIABLES = {**os.environ, "OMP_NUM_THREADS": "1"}
"""Two threads wait for each other on a machine that does something else as well."""
CPU = Platform("0.32.0+cpu", is_cpu_build=True, has_amx=has_amx())


@click.command("quantize", help=__doc__)
@click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the numbers here.")
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), help="Also write the picture, as FILE.png.")
def command(json_file: Path | None, plot: Path | None) -> None:
    """About four minutes on two cores, of which one trains the model the first time."""
    engine = str(install() / "bin" / "python3")
    python = str(compressor() / "bin" / "python3")
    model = trained(python)
    with tempfile.TemporaryDirectory(prefix="quantize") as name:
        out = Path(name) / "out"
        asked = [
            str(model),
            "--out",
            str(out),
            "--gpu",
            "CPU",
            "--python",
            python,
            "--engine",
            engine,
            "--length",
            "256",
        ]
        asked += [word for method in METHODS for word in ("--method", method)]
        first = _killed_after_the_first(asked, out)
        picture = ("--plot", str(plot.absolute())) if plot else ()
        command = _command(*asked, *picture, "-o", "json")
        found = subprocess.run(command, env=VARIABLES, stdout=subprocess.PIPE, text=True, check=True)
        checkpoints = json.loads(found.stdout)["checkpoints"]
        rows = [*_rows(checkpoints), _made_twice(first, out), _refused_beforehand(asked)]
    row.conclude("quantize", rows, json_file, Console(width=120))


def _command(*words: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "llmfleet", "quantize", *words)


def _killed_after_the_first(asked: list[str], out: Path) -> Mapping[str, int]:
    """Kill command and program while the second checkpoint is made; the files of the first, with their times."""
    running = subprocess.Popen(_command(*asked), env=VARIABLES, start_new_session=True)
    try:
        deadline = time.monotonic() + KILL_SECONDS
        while not (out / ".llmfleet/int8.partial").exists() and time.monotonic() < deadline:
            if running.poll() is not None:
                raise click.ClickException("the run that was to be killed ended by itself")
            time.sleep(0.02)
    finally:
        _kill(running)
    return _times(out / "fp8")


def _kill(running: subprocess.Popen[bytes]) -> None:
    """With the program that it started, which is in a group of its own."""
    if running.poll() is None:
        children = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
        for group in {running.pid, *(os.getpgid(int(child)) for child in children)}:
            os.killpg(group, signal.SIGKILL)
        running.wait()


def _times(folder: Path) -> Mapping[str, int]:
    return {each.name: each.stat().st_mtime_ns for each in folder.iterdir()} if folder.exists() else {}


def _rows(checkpoints: list[dict[str, Any]]) -> Iterator[Row]:
    source, *made = checkpoints
    yield Row.at_most("source: perplexity", source["quality"]["perplexity"], "", LEARNED)
    yield Row.at_least(
        "checkpoints that vLLM served", sum("tokensPerSecond" in each["quality"] for each in made), "", 4
    )
    yield Row.at_least("checkpoints that pass our admission", sum(map(_is_admitted, made)), "", 4)
    for each in made:
        bits = 8 if each["method"] in EIGHT_BITS else 4
        name, quality = each["method"], each["quality"]
        yield Row.at_most(f"{name}: perplexity of the source's", each["perplexityRatio"], "", PERPLEXITY[bits])
        yield Row.at_least(f"{name}: first choices that agree", quality["agreement"], "", AGREEMENT[bits])
        yield Row.at_most(f"{name}: size of the source's", each["sizeRatio"], "", SIZE[bits])
        yield Row(f"{name}: time to make it", each["seconds"], "s")
        yield Row(f"{name}: tokens a second of the source's", _pace(each) / _pace(source), "")


def _pace(each: Mapping[str, Any]) -> float:
    return float(each["quality"]["tokensPerSecond"])


def _is_admitted(made: Mapping[str, Any]) -> bool:
    """Whether the launcher takes it where its requirement is asked for, and from a checkpoint."""
    wanted = Quantization(method=made["requirement"], source="Checkpoint")
    config = EngineConfig(model=made["folder"], served_names=("a",), quantization=wanted)
    try:
        found = checkpoint(config, None)
        return found is not None and on_the_fly(wanted, found, CPU) is None
    except BadConfig:
        return False


def _made_twice(first: Mapping[str, int], out: Path) -> Row:
    """Of the checkpoint that was finished before the kill."""
    touched = [name for name, when in _times(out / "fp8").items() if first.get(name) != when]
    return Row.at_most("files of a finished checkpoint that were written again after a kill", len(touched), "", 0)


def _refused_beforehand(asked: list[str]) -> Row:
    """Whether what no CPU serves is refused within seconds, with nothing made."""
    began = time.monotonic()
    found = subprocess.run(_command(*asked, "--method", "NVFP4"), capture_output=True, text=True, check=False)
    is_said = found.returncode == 1 and "vLLM does not serve NVFP4 on CPU" in found.stderr
    return Row.at_most("NVFP4: refused for a CPU after", time.monotonic() - began if is_said else float("inf"), "s", 10)
