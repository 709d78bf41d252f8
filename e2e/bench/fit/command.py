"""``python -m e2e.bench fit``: prints predicted and reported tokens of every shape."""

import json
import sys
import tempfile
from pathlib import Path

import click

from e2e.bench import row
from e2e.bench.fit.engine import Reported, reported
from e2e.bench.fit.shapes import SHAPES, Shape
from e2e.bench.row import Row
from e2e.engine import install, tiny_model
from llmfleet.core.fit.accelerators import cpu
from llmfleet.core.fit.planner import Fit, fit
from llmfleet.core.fit.settings import Settings
from llmfleet.shell.inspection import inspected
from llmfleet_runtime.machine import memory_bytes

REACH_PERCENT = 2
NODE_MEMORY = Path("/sys/devices/system/node/node0/meminfo")
ALL_MEMORY = Path("/proc/meminfo")


@click.command("fit", help=sys.modules["e2e.bench.fit"].__doc__)
@click.option("--only", help="A part of a shape's name.")
@click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the numbers here.")
def command(only: str | None, json_file: Path | None) -> None:
    """Run every shape, one after the other; about a quarter of a minute each."""
    python = install() / "bin" / "python3"
    shapes = [each for each in SHAPES if only is None or only in each.name]
    rows: list[Row] = []
    for number, shape in enumerate(shapes, start=1):
        click.echo(f"{number} of {len(shapes)}: {shape.name}", err=True)
        rows += measured(python, shape)
    row.conclude("fit", rows, json_file)


def measured(python: Path, shape: Shape) -> tuple[Row, ...]:
    """Predict, start the engine, compare."""
    with tempfile.TemporaryDirectory(prefix="fit") as name:
        folder = model(Path(name), shape)
        predicted = predict(folder, shape)
        return judge(shape, predicted, reported(python, folder, shape))


def model(folder: Path, shape: Shape) -> Path:
    """The tokenizer of the tiny model with this shape's configuration; the engine makes up the weights."""
    tiny_model(folder)
    (folder / "model.safetensors").unlink()
    special = json.loads((folder / "config.json").read_text())
    kept = {name: value for name, value in special.items() if name.endswith("_token_id")}
    (folder / "config.json").write_text(json.dumps({**kept, **shape.config}))
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {"total_size": shape.total_bytes}}))
    return folder


def predict(folder: Path, shape: Shape) -> Fit:
    """What the planner says beforehand."""
    settings = Settings(
        max_model_len=shape.length,
        utilization=shape.utilization,
        kv_cache_bytes=shape.cache_bytes,
        kv_cache_dtype=shape.kv_cache_dtype,
        dtype=shape.config["torch_dtype"],
        lora=shape.lora,
    )
    return fit(inspected(str(folder)), settings, cpu(machine_bytes()))


def judge(shape: Shape, predicted: Fit, found: Reported) -> tuple[Row, ...]:
    """The rows of one shape."""
    off = 100 * abs((predicted.tokens or 0) / found.tokens - 1)
    judged = Row(shape.name, off, f"% off {found.tokens:,} tokens", f"at most {REACH_PERCENT}", off <= REACH_PERCENT)
    if found.worker_gib is None:
        return (judged,)
    return judged, Row(f"{shape.name}: beside the cache", found.worker_gib, "GiB")


def machine_bytes() -> int:
    """What the engine takes for the whole: its memory node or the container's limit (cpu_resource_utils.py)."""
    source = NODE_MEMORY if NODE_MEMORY.exists() else ALL_MEMORY
    line = next(line for line in source.read_text().splitlines() if "MemTotal:" in line)
    total = int(line.split("MemTotal:")[1].split()[0]) * 1024
    return min(total, memory_bytes() or total)
