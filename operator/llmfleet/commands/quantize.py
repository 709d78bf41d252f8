"""``llmfleet quantize``: makes quantized checkpoints of a model, and compares them with it."""

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
from rich.console import Console
from rich.table import Table

from llmfleet.commands.plot import check, plot
from llmfleet.core.fit.accelerators import Accelerator, cpu, named, names
from llmfleet.core.fit.planner import fit
from llmfleet.core.fit.report import gib
from llmfleet.core.fit.settings import Settings
from llmfleet.core.quantizing import Compared, document, refusal
from llmfleet.shell.inspection import inspected
from llmfleet.shell.quantizing import NotInstalled, NotMade, made
from llmfleet_runtime.contract import QUANTIZING_METHODS, Order, Step

PROGRESS_SECONDS = 2.0
PLAIN_WIDTH = 140
LOG = "llmfleet-quantize.log"
CPU = "CPU"


def _gpu(context: click.Context, option: click.Parameter, text: str) -> Accelerator:
    del context, option
    if text.upper() == CPU:
        return cpu(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    found = named(text)
    if found is None:
        raise click.BadParameter(f"{text} is not known; known are {CPU}, {', '.join(names())}")
    return found


def _folder(context: click.Context, option: click.Parameter, text: str) -> Path:
    del context, option
    parts = urlsplit(text)
    if parts.scheme not in ("", "file") or (parts.scheme and parts.netloc not in ("", "localhost")):
        raise click.BadParameter(
            f"{text}: checkpoints are written to a folder, as PATH or file:///PATH; copy them on from there"
        )
    return Path(parts.path if parts.scheme else text).absolute()


def _model(context: click.Context, option: click.Parameter, text: str) -> str:
    if text.startswith("hf://"):
        return text.removeprefix("hf://")
    folder = _folder(context, option, text)
    if not folder.is_dir():
        raise click.BadParameter(f"{text}: not a folder; give one, or hf://ORG/NAME")
    return str(folder)


@click.command("quantize")
@click.argument("model", callback=_model)
@click.option(
    "--method",
    "methods",
    multiple=True,
    required=True,
    type=click.Choice(QUANTIZING_METHODS, case_sensitive=False),
    help="What to make; may be repeated.",
)
@click.option(
    "--out", required=True, callback=_folder, help="Folder, as PATH or file:///PATH; each method gets one below."
)
@click.option("--revision", help="Commit, tag or branch of an hf:// model.")
@click.option("--gpu", default="H100", show_default=True, callback=_gpu, help="Product that shall serve it, or CPU.")
@click.option(
    "--text",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Text to calibrate with; its last tenth is evaluated on.  [default: Python's own manual]",
)
@click.option(
    "--samples", type=click.IntRange(1, 4096), default=128, show_default=True, help="Windows to calibrate with."
)
@click.option("--judged", type=click.IntRange(1, 4096), default=32, show_default=True, help="Windows to evaluate on.")
@click.option("--length", type=click.IntRange(16, 131072), default=512, show_default=True, help="Tokens of a window.")
@click.option(
    "--engine", help="A Python with vLLM: it evaluates, and says how fast.  [default: transformers evaluates]"
)
@click.option(
    "--python",
    envvar="LLMFLEET_QUANTIZE_PYTHON",
    default=sys.executable,
    help="A Python with llm-compressor (LLMFLEET_QUANTIZE_PYTHON).  [default: this one]",
)
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", help="For people or programs.")
@click.option(
    "--plot", "picture", type=click.Path(path_type=Path, dir_okay=False), help="Also write a picture, as FILE.png."
)
def quantize(output: str, picture: Path | None, gpu: Accelerator, python: str, **asked: Any) -> None:
    """Make quantized checkpoints of MODEL, a folder or hf://ORG/NAME, and compare them with it.

    FP8 rounds weights and activations, INT8 too with GPTQ's correction; GPTQ and AWQ make weights of 4 bits, NVFP4
    weights and activations. What vLLM would not serve on the --gpu is refused. Perplexity is of a text that nothing was
    calibrated on; agreement is how often the first choice is the source's; "same" is how much of the source's greedy
    answers comes out the same.

    A run that was cut goes on where it was: finished checkpoints and evaluations are kept in --out. What the libraries
    print is in OUT/llmfleet-quantize.log.

    Exit code 0: all is made; 1: error.
    """
    order = _order(asked)
    if refused := refusal(order.methods, gpu) or (check(picture) if picture else ""):
        raise click.ClickException(refused)
    try:
        compared = list(_compared(order, python, gpu))
        if picture:
            plot(compared, picture)
    except NotInstalled as error:
        raise click.ClickException(
            f"{error}: pip install 'llmfleet[quantize]' there, or name another with --python"
        ) from error
    except (NotMade, OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    if output == "json":
        click.echo(json.dumps({"model": order.model, "checkpoints": document(compared)}, indent=2))
    else:
        _show(compared)


def _order(asked: dict[str, Any]) -> Order:
    text, out = asked.pop("text"), asked.pop("out")
    methods = tuple(dict.fromkeys(asked.pop("methods")))
    return Order(text=str(text.absolute()) if text else None, out=str(out), methods=methods, **asked)


def _compared(order: Order, python: str, gpu: Accelerator) -> Iterator[Compared]:
    out = Path(order.out)
    out.mkdir(parents=True, exist_ok=True)
    told, source = _Progress(), None
    for each in made(order, python, out / LOG):
        if isinstance(each, Step):
            told(each)
            continue
        source = source or each
        yield Compared(each, fit(inspected(each.folder), Settings(), gpu), source)


class _Progress:
    """On standard error: each step as it begins, and every two seconds how far it is."""

    def __init__(self) -> None:
        self._step, self._said = ("", ""), 0.0

    def __call__(self, step: Step) -> None:
        now, name = time.monotonic(), (step.subject, step.doing)
        if name == self._step and now - self._said < PROGRESS_SECONDS:
            return
        self._step, self._said = name, now
        parts = f" {step.done} of {step.of}" if step.of else ""
        click.echo(f"{step.subject}: {step.doing}{parts}", err=True)


def _show(compared: Sequence[Compared]) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    first = compared[0]
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("", no_wrap=True)
    table.add_column("serve as", no_wrap=True)
    for heading in (
        "size",
        "weights",
        f"memory on {first.fit.accelerator.product}",
        "perplexity",
        "",
        "agrees",
        "same",
        "first token",
        "tokens/s",
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    for each in compared:
        table.add_row(*_row(each))
    console.print(table)
    quality, longest = first.made.quality, first.fit.max_model_len
    console.print(f"evaluated by {quality.by} on {quality.tokens:,} tokens", style="dim")
    console.print(f"memory is predicted, with one request of {longest:,} tokens", style="dim")
    for each in compared[1:]:
        console.print(f"{each.name}: {each.made.folder}", style="dim")


def _row(each: Compared) -> tuple[str, ...]:
    quality = each.made.quality
    is_source = not each.made.method
    return (
        each.name,
        each.made.requirement,
        gib(each.made.bytes),
        gib(each.weight_bytes),
        f"~{gib(each.memory_bytes)}",
        f"{quality.perplexity:.2f}",
        "" if is_source else f"{100 * (each.perplexity_ratio - 1):+.2f} %",
        "" if quality.agreement is None else f"{quality.agreement:.1%}",
        "" if quality.same_beginning is None else f"{quality.same_beginning:.0%}",
        "-" if quality.first_token_seconds is None else f"{1000 * quality.first_token_seconds:.0f} ms",
        "-" if quality.tokens_per_second is None else f"{quality.tokens_per_second:,.0f}",
    )
