"""Memory, latency and quality of checkpoints as a picture; needs matplotlib."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llmfleet.core.quantizing import Compared

INCHES = (12, 4)
COLOURS = ("tab:blue", "tab:orange")
GIB, MIB = 2**30, 2**20


def check(path: Path) -> str:
    """Why no picture could be written there; empty when it could."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: F401, PLC0415 because it is an extra
    except ModuleNotFoundError:
        return "--plot needs matplotlib: pip install 'llmfleet[plot]'"
    return "" if path.absolute().parent.is_dir() else f"--plot {path}: the folder does not exist"


def plot(compared: Sequence[Compared], path: Path) -> None:
    """Write the picture. Raises ``OSError`` and ``ValueError`` for a path that cannot be, or a kind unknown."""
    from matplotlib.figure import Figure  # noqa: PLC0415 because it is an extra

    figure = Figure(figsize=INCHES, layout="constrained")
    memory, latency, quality = figure.subplots(1, 3)
    names = [each.name for each in compared]
    _memory(memory, names, compared)
    _latency(latency, names, compared)
    _quality(quality, names, compared)
    figure.savefig(path)


def _memory(axes: Any, names: Sequence[str], compared: Sequence[Compared]) -> None:
    unit, word = (GIB, "GiB") if max(each.weight_bytes for each in compared) >= GIB else (MIB, "MiB")
    axes.bar(names, [each.weight_bytes / unit for each in compared], color=COLOURS[0])
    axes.set(title="weights in memory, predicted", ylabel=word)


def _latency(axes: Any, names: Sequence[str], compared: Sequence[Compared]) -> None:
    paces = [each.made.quality.tokens_per_second for each in compared]
    if any(pace is None for pace in paces):
        axes.set_axis_off()
        axes.text(0.5, 0.5, "no latency without --engine", ha="center", va="center")
        return
    axes.bar(names, [1000 / pace for pace in paces if pace], color=COLOURS[0])
    axes.set(title=f"per token, {compared[0].made.quality.by}", ylabel="ms")


def _quality(axes: Any, names: Sequence[str], compared: Sequence[Compared]) -> None:
    places = range(len(names))
    worse = [100 * (each.perplexity_ratio - 1) for each in compared]
    differs = [100 * (1 - (each.made.quality.agreement or 0)) if each.made.method else 0 for each in compared]
    axes.bar([place - 0.2 for place in places], worse, 0.4, color=COLOURS[0], label="more perplexity")
    axes.bar([place + 0.2 for place in places], differs, 0.4, color=COLOURS[1], label="other first choices")
    axes.set_xticks(places, names)
    axes.set(title="lost quality", ylabel="%")
    axes.legend(loc="upper left")
