"""``python -m e2e.bench fidelity``: the simulated replica beside a real vLLM on the CPU; ten minutes."""

import asyncio
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import click

from e2e.bench import row
from e2e.bench.row import Row
from e2e.cluster import progress
from e2e.cluster.progress import Report
from e2e.engine import install
from e2e.engine.install import InstallError
from llmfleet.core.simulation import synthetic
from llmfleet.core.simulation.request import Arrival
from llmfleet.core.simulation.synthetic import Sizes

from .calibration import Calibration, calibrated
from .engine import LARGE, felt, serving
from .fitted import Fitted, carried, medians, predicted
from .ranking import engines, ranked

MOST_FIRST_TOKEN, MOST_PER_TOKEN, MOST_THROUGHPUT = 15.0, 10.0, 10.0
"""Median error over the foretold runs, percent."""
SECONDS = 25.0
PARTS = ("errors", "ranking")
RUNS = Calibration(paced=(32, 96), clients=(1, 2, 4, 8, LARGE.sequences), prompts=(64, 128, 256, 512, 1024))
FORETOLD: tuple[tuple[str, float, float, Sizes], ...] = (
    ("quiet, short", 0.25, 1.1, Sizes(((0, 16), (1, 128)), ((0, 16), (1, 96)))),
    ("half, mixed", 0.5, 1.1, Sizes(((0, 16), (0.7, 256), (1, 1500)), ((0, 8), (0.8, 64), (1, 160)))),
    ("busy, mixed", 0.75, 1.1, Sizes(((0, 16), (0.7, 256), (1, 1500)), ((0, 8), (0.8, 64), (1, 160)))),
    ("half, long answers", 0.5, 1.1, Sizes(((0, 16), (1, 64)), ((0, 96), (1, 256)))),
    ("half, in bursts", 0.5, 3.0, Sizes(((0, 16), (1, 256)), ((0, 16), (1, 96)))),
)
"""Name, share of the most that the model says it carries, variation of the gaps, sizes."""


@click.command("fidelity", help=(__doc__ or "").partition(": ")[2].rstrip())
@click.option("--only", type=click.Choice(PARTS), multiple=True, help="Only this part. Repeatable.")
@click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the numbers here.")
def command(only: tuple[str, ...], json_file: Path | None) -> None:
    """Calibrate in three runs, foretell five others and judge the errors; then rank policies on both."""
    report, rows = progress.choose(), list[Row]()
    try:
        with report.step("the engine is there"):
            python = install(lambda _: None) / "bin" / "python3"
        if "errors" in (only or PARTS):
            with serving(python) as url:
                rows += asyncio.run(measured(url, report))
        if "ranking" in (only or PARTS):
            with engines(python, report) as urls:
                rows += asyncio.run(ranked(urls, report))
    except (InstallError, RuntimeError) as error:
        click.echo(f"bench fidelity: {error}", err=True)
        sys.exit(1)
    row.conclude("fidelity", rows, json_file)


async def measured(url: str, report: Report) -> tuple[Row, ...]:
    """Three runs to fit by, then each of the others beside what was foretold of it."""
    model = await calibrated(url, RUNS, report)
    found, rows = [], list(told(model))
    for name, share, variation, sizes in FORETOLD:
        arrivals = trace(model, share, variation, sizes)
        with report.step(f"{name}: {len(arrivals)} requests in {SECONDS:.0f} s"):
            real, tokens = await felt(url, arrivals)
        foretold, expected = predicted(model, arrivals)
        pairs = (*zip(medians(foretold), medians(real), strict=True), (expected, tokens))
        found.append([100 * abs(said / seen - 1) for said, seen in pairs])
        rows += compared(name, pairs)
    return (*rows, *judged(found))


def trace(model: Fitted, share: float, variation: float, sizes: Sizes) -> list[Arrival]:
    """Requests at this share of what one replica carries when its batch is full."""
    chance = random.Random(len(str(share)) + variation)  # noqa: S311 because nothing is secret
    most = carried(model, sizes, chance)
    return list(synthetic.arrivals(lambda _: share * most, SECONDS, sizes, chance, variation))


def told(model: Fitted) -> tuple[Row, ...]:
    """What was fitted."""
    engine = model.profile
    return (
        Row("a step", 1000 * engine.step_seconds, "ms"),
        Row("each sequence of a step", 1000 * engine.sequence_seconds, "ms"),
        Row("prompt tokens per second", engine.prefill_rate, ""),
        Row("what the server adds to a first token", 1000 * model.served_seconds, "ms"),
    )


def compared(name: str, pairs: Sequence[tuple[float, float]]) -> list[Row]:
    """Foretold beside measured."""
    (first, real_first), (pace, real_pace), (tokens, real_tokens) = pairs
    return [
        Row(f"{name}: first token, p50", 1000 * real_first, f"ms, foretold {1000 * first:.1f}"),
        Row(f"{name}: per token, p50", 1000 * real_pace, f"ms, foretold {1000 * pace:.2f}"),
        Row(f"{name}: throughput", real_tokens, f"tokens/s, foretold {tokens:.0f}"),
    ]


def judged(errors: Sequence[Sequence[float]]) -> tuple[Row, ...]:
    """Medians over the foretold runs."""
    first, pace, tokens = (median(each) for each in zip(*errors, strict=True))
    return (
        Row.at_most("error of the time to the first token, median", first, "%", MOST_FIRST_TOKEN),
        Row.at_most("error of the time per token, median", pace, "%", MOST_PER_TOKEN),
        Row.at_most("error of the throughput, median", tokens, "%", MOST_THROUGHPUT),
    )
