"""Simulated fleets over time as a PNG: load, replicas and what users felt. Needs matplotlib, an extra."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from llmfleet.commands.picture import NEXT
from llmfleet.core.simulation.outcome import SLICE_SECONDS, Outcome
from llmfleet.core.simulation.report import Told

INCHES = (11, 8)
SLICES = 6
"""Of what users felt, so many are shown as one: a minute."""


def check() -> None:
    """ClickException where no picture could be made."""
    try:
        import matplotlib.figure  # noqa: F401, PLC0415 because it is an extra
    except ImportError as error:
        raise click.ClickException(f"--png needs matplotlib: {NEXT}") from error


def saved(told: Sequence[Told], path: Path) -> None:
    """Write the picture; each policy has a colour. ClickException for a path that cannot be written."""
    from matplotlib.figure import Figure  # noqa: PLC0415 because it is an extra

    figure = Figure(figsize=INCHES, layout="constrained")
    load, replicas, kept = figure.subplots(3, sharex=True)
    rates = [count / SLICE_SECONDS for count in told[0].outcome.came]
    load.step([SLICE_SECONDS * at for at in range(len(rates))], rates, where="post", color="tab:gray")
    for number, each in enumerate(told):
        _replicas(replicas, each, f"C{number}")
        times, shares = minutes(each.outcome)
        kept.plot(times, shares, color=f"C{number}", label=f"{each.policy}: {each.outcome.attained:.1%}")
    promise = told[0].promise
    kept.set_xlabel(
        f"seconds; well served is a first token within {promise.time_to_first_token * 1000:.0f} ms "
        f"and {promise.time_per_output_token * 1000:.0f} ms per token"
    )
    for axis, title in ((load, "requests/s"), (replicas, "replicas"), (kept, "% well served, each minute")):
        axis.set_ylabel(title)
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
    for axis in (replicas, kept):
        axis.legend(loc="upper left", bbox_to_anchor=(1.01, 1))
    try:
        figure.savefig(path, format="png", dpi=120)
    except OSError as error:
        raise click.ClickException(f"--png {path}: {error.strerror}") from error


def _replicas(axis: Any, told: Told, colour: str) -> None:
    """Wanted ones thin and broken, ready ones full, until the trace ends."""
    sizes, end = told.outcome.sizes, SLICE_SECONDS * len(told.outcome.came)
    times = [*(each.time for each in sizes), end]
    for name, style, values in (
        ("ready", {"linewidth": 1.8}, [each.ready for each in sizes]),
        ("wanted", {"linewidth": 0.9, "linestyle": "--"}, [each.wanted for each in sizes]),
    ):
        label = f"{told.policy}: {name}" + (f", {told.outcome.gpu_hours:.2f} GPU-h" if name == "ready" else "")
        axis.step(times, [*values, *values[-1:]], where="post", color=colour, label=label, **style)


def minutes(outcome: Outcome) -> tuple[list[float], list[float]]:
    """Ends of the minutes in which requests came, seconds, and the share well served in each, percent."""
    times, shares = [], []
    for start in range(0, len(outcome.came), SLICES):
        came = outcome.came[start : start + SLICES]
        well = [(share or 0.0) * count for share, count in zip(outcome.slices[start:], came, strict=False)]
        if sum(came):
            times.append(SLICE_SECONDS * (start + len(came)))
            shares.append(100 * sum(well) / sum(came))
    return times, shares
