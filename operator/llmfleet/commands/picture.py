"""Replicas, load and latency over time: in a terminal by plotext, in a file by matplotlib. Both are extras."""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import click

from llmfleet.core.explain.account import Account, Point

FEWEST_POINTS = 2
ROWS = 11
"""Lines of a chart in the terminal."""
NEXT = "pip install 'llmfleet[plot]'"


class Line(NamedTuple):
    """One line of a chart: times and values, of which those that are not known are left out."""

    label: str
    value: Callable[[Point], float | None]
    is_step: bool = False


class Chart(NamedTuple):
    """One chart, with the objective as a level where there is one."""

    title: str
    lines: Sequence[Line]
    level: float | None = None


def charts(account: Account) -> list[Chart]:
    """Replicas and load always; latencies where they are an objective. Latencies are in milliseconds."""
    wanted = Line("wanted", lambda point: point.wanted, is_step=True)
    ready = Line("ready", lambda point: point.ready, is_step=True)
    load = (Line("in flight", lambda point: point.in_flight), Line("waiting", lambda point: point.waiting))
    found = [Chart("replicas", (wanted, ready)), Chart("requests", load)]
    for promise, title, value in (
        (account.first_token, "to the first token", lambda point: point.first_token_seconds),
        (account.output_token, "per output token", lambda point: point.output_token_seconds),
    ):
        if promise:
            measured = Line(f"p{promise.percentile}", _milliseconds(value))
            found.append(Chart(f"ms {title}", (measured,), promise.seconds * 1000))
    return found


def _milliseconds(value: Callable[[Point], float | None]) -> Callable[[Point], float | None]:
    def scaled(point: Point) -> float | None:
        seconds = value(point)
        return None if seconds is None else seconds * 1000

    return scaled


def _known(points: Sequence[Point], line: Line) -> tuple[list[datetime], list[float]]:
    found = [(each.time, line.value(each)) for each in points]
    told = [(datetime.fromisoformat(time), value) for time, value in found if value is not None]
    return [time for time, _ in told], [value for _, value in told]


def drawn(account: Account, width: int, *, has_colours: bool) -> str:
    """The charts as lines of text, one below the other; a sentence where there is nothing to draw."""
    import plotext  # noqa: PLC0415 because it is an extra

    if len(account.points) < FEWEST_POINTS:
        return "No picture: fewer than two points are known of this time."
    texts = []
    for chart in charts(account):
        plotext.clear_figure()
        plotext.theme("clear" if not has_colours else "pro")
        plotext.plotsize(width, ROWS)
        plotext.title(chart.title)
        _draw(plotext, chart, account)
        texts.append(plotext.build())
    text = "\n".join(texts)
    return text if has_colours else click.unstyle(text)


def _draw(plotext: Any, chart: Chart, account: Account) -> None:
    plotext.date_form("H:M")
    spread = [datetime.fromisoformat(each.time) for each in (account.points[0], account.points[-1])]
    for line, marker in zip(chart.lines, ("braille", "dot"), strict=False):
        times, values = _known(account.points, line)
        if values:
            plotext.plot(plotext.datetimes_to_string(times), values, label=line.label, marker=marker)
    if chart.level is not None:
        times = plotext.datetimes_to_string(spread)
        plotext.plot(times, [chart.level] * 2, label=f"objective {chart.level:g}", marker="-")


def saved(account: Account, path: Path) -> None:
    """Write the charts as a PNG. ClickException without matplotlib, or without anything to draw."""
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 because it is an extra
    except ImportError as error:
        raise click.ClickException(f"--png needs matplotlib: {NEXT}") from error
    if len(account.points) < FEWEST_POINTS:
        raise click.ClickException("there is nothing to draw: fewer than two points are known of this time")
    found = charts(account)
    figure = Figure(figsize=(11, 2.6 * len(found)), layout="constrained")
    axes = figure.subplots(len(found), sharex=True)
    figure.suptitle(f"{account.namespace}/{account.name}, until {account.now}, times in UTC")
    for axis, chart in zip(axes, found, strict=True):
        _plot(axis, chart, account)
    figure.savefig(path, format="png", dpi=120)


def _plot(axis: Any, chart: Chart, account: Account) -> None:
    for line in chart.lines:
        times, values = _known(account.points, line)
        axis.plot(times, values, label=line.label, drawstyle="steps-post" if line.is_step else "default")
    if chart.level is not None:
        axis.axhline(chart.level, color="tab:red", linestyle="--", label=f"objective {chart.level:g}")
    axis.set_ylabel(chart.title)
    axis.set_ylim(bottom=0)
    axis.grid(alpha=0.3)
    axis.legend(loc="upper left", bbox_to_anchor=(1.01, 1))
