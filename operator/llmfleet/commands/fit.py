"""``llmfleet fit``: does a model in a folder fit a GPU, by how much, and what would."""

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from llmfleet.commands.usage import AnsweringCommand
from llmfleet.core.fit.accelerators import Accelerator, named, names
from llmfleet.core.fit.alternatives import Alternative, alternatives
from llmfleet.core.fit.planner import Fit, Verdict, fit
from llmfleet.core.fit.report import Answer, document, gib, layers_line, model_line, verdict_words, weights_line
from llmfleet.core.fit.settings import KV_BYTES, PRECISIONS, UTILIZATION, Lora, Settings
from llmfleet.shell.inspection import inspected
from llmfleet_runtime.contract import ModelFacts

FITS, UNKNOWN, DOES_NOT_FIT = 0, 1, 2
"""Exit codes; 1 is an error as well."""
USUAL = ("T4", "L4", "A10G", "L40S", "A100-40GB", "A100-80GB", "H100", "H200", "B200", "MI300X")
PLAIN_WIDTH = 120
HUB = "hf://"
REPOSITORY = re.compile(rf"({HUB})?[\w.-]+(/[\w.-]+)?")
STYLES = {Verdict.FITS: "green", Verdict.DOES_NOT_FIT: "red", Verdict.UNKNOWN: "yellow"}


def _gpu(context: click.Context, option: click.Parameter, given: tuple[str, ...]) -> tuple[Accelerator, ...]:
    del context, option
    found = {text: named(text) for text in given or USUAL}
    if unknown := [text for text, each in found.items() if each is None]:
        raise click.BadParameter(f"{unknown[0]} is not known; known are {', '.join(names())}")
    return tuple(each for each in found.values() if each is not None)


@click.command("fit", cls=AnsweringCommand)
@click.argument("model")
@click.option("--revision", help="Commit, tag or branch of MODEL on the hub.  [default: the main branch]")
@click.option("--gpu", "gpus", multiple=True, callback=_gpu, help="A product, by label or name; may be repeated.")
@click.option("--tensor", type=click.IntRange(1, 64), default=1, show_default=True, help="GPUs that share the model.")
@click.option("--max-model-len", type=click.IntRange(1), help="Context in tokens.  [default: the model's longest]")
@click.option(
    "--concurrency", type=click.IntRange(1), default=1, show_default=True, help="Requests of that length at once."
)
@click.option(
    "--precision",
    type=click.Choice([each.name for each in PRECISIONS], case_sensitive=False),
    default=PRECISIONS[0].name,
    show_default=True,
    help="Of the weights: FP8 is made while loading, INT4 needs a checkpoint.",
)
@click.option(
    "--kv-cache-dtype", type=click.Choice(list(KV_BYTES)), default="auto", show_default=True, help="Of the cache."
)
@click.option(
    "--utilization", type=click.FloatRange(0.05, 1), default=UTILIZATION, show_default=True, help="Share of the memory."
)
@click.option("--adapters", type=click.IntRange(0), default=0, help="LoRA slots: adapters in one batch.")
@click.option("--rank", type=click.IntRange(1, 512), default=16, show_default=True, help="The adapters' largest rank.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", help="For people or programs.")
def fit_command(model: str, revision: str | None, gpus: Sequence[Accelerator], output: str, **asked: Any) -> None:
    """Say whether MODEL fits a GPU under vLLM, what takes the memory, and what would fit instead.

    MODEL is a folder, a GGUF file, or the name of a repository on the hub, ORG/NAME. Of a repository the configuration
    and the first bytes of each file of weights are read, from HF_ENDPOINT and with HF_TOKEN where these are set.

    A folder needs config.json; weights are exact with the safetensors files, with their headers alone (the first bytes
    of each as NAME.safetensors.header), or as a total with model.safetensors.index.json. Nothing is then asked for.

    Exit code 0: it fits, on at least one of the GPUs asked for; 2: it does not; 1: error, or not known.
    """
    facts, name = _facts(model, revision)
    settings = _settings(asked)
    answers = [_answered(facts, settings, each, gpus) for each in gpus]
    if output == "json":
        click.echo(json.dumps({"model": name, **document(facts, answers)}, indent=2))
    else:
        _show(name, facts, answers)
    verdicts = {found.verdict for found, _ in answers}
    sys.exit(FITS if Verdict.FITS in verdicts else DOES_NOT_FIT if verdicts == {Verdict.DOES_NOT_FIT} else UNKNOWN)


def _facts(model: str, revision: str | None) -> tuple[ModelFacts, str]:
    """The facts, and the name to show."""
    path = Path(model)
    if not path.exists() and not REPOSITORY.fullmatch(model):
        raise click.ClickException(f"{model} is no folder here, and no ORG/NAME of a hub either")
    try:
        if path.exists():
            return inspected(model), path.resolve().name
        with Console(stderr=True).status(f"reading {model} on the hub"):
            return inspected(f"hf://{model.removeprefix(HUB)}", revision), model.removeprefix(HUB)
    except (ValueError, OSError) as error:
        raise click.ClickException(str(error)) from error


def _settings(asked: dict[str, Any]) -> Settings:
    adapters, rank, precision = (asked.pop(name) for name in ("adapters", "rank", "precision"))
    return Settings(
        precision=next(each for each in PRECISIONS if each.name == precision),
        lora=Lora(adapters, rank) if adapters else None,
        **asked,
    )


def _answered(facts: ModelFacts, settings: Settings, gpu: Accelerator, present: Sequence[Accelerator]) -> Answer:
    found = fit(facts, settings, gpu)
    return found, alternatives(facts, found, present)


def _show(name: str, facts: ModelFacts, answers: Sequence[Answer]) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    console.print(Text(name, style="bold"), Text(model_line(facts)), sep=": ")
    for line in filter(None, (weights_line(facts), f"kept for a request: {layers_line(facts)}")):
        console.print(Text(f"  {line}", style="dim"))
    console.print()
    console.print(_overview([found for found, _ in answers]))
    if len(answers) == 1:
        console.print(_details(answers[0][0]))
    for found, others in answers:
        if others and len(answers) <= 3:
            console.print(_others(found, others))
    for note in dict.fromkeys(note for found, _ in answers for note in found.notes):
        console.print(Text(f"note: {note}", style="yellow"))
    if any(found.is_close for found, _ in answers):
        console.print(Text("? : within a tenth of the limit, where the estimates decide", style="dim"))


def _overview(found: Sequence[Fit]) -> Table:
    first = found[0]
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("GPU", no_wrap=True)
    table.add_column("", no_wrap=True)
    context, requests = f"context at {first.settings.concurrency}", f"requests at {first.max_model_len:,}"
    for heading in ("may use", "weights", "other", "for cache", context, requests):
        table.add_column(heading, justify="right", no_wrap=True)
    for each in found:
        weights = each.shares[0].bytes if each.shares else 0
        other = sum(share.bytes for share in each.shares[1:])
        table.add_row(
            f"{each.settings.tensor} x {each.accelerator.product}"
            if each.settings.tensor > 1
            else each.accelerator.product,
            Text(verdict_words(each), style=STYLES[each.verdict]),
            gib(each.budget_bytes),
            gib(weights),
            f"~{gib(other)}",
            "-" if each.cache_bytes is None else gib(each.cache_bytes),
            "-" if each.largest_context is None else f"{each.largest_context:,}",
            "-" if each.concurrency is None else f"{each.concurrency:,.1f}",
        )
    return table


def _details(found: Fit) -> Group:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(style="dim")
    for share in found.shares:
        table.add_row(share.what, f"{'~' if share.is_estimate else ''}{gib(share.bytes)}", share.why)
    if found.pool is not None and found.cache_bytes is not None:
        blocks = f"{found.pool.blocks(found.cache_bytes):,} blocks of {gib(found.pool.bytes_per_block)}"
        table.add_row("cache", gib(found.cache_bytes), f"{found.tokens:,} tokens, {blocks}")
    reason = Text(f"{verdict_words(found)}: {found.reason}", style=STYLES[found.verdict])
    return Group("", table, "", reason)


def _others(found: Fit, others: Sequence[Alternative]) -> Group:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("instead", "spare", "context", "requests", "why"):
        table.add_column(
            heading, no_wrap=heading != "why", justify="left" if heading in ("instead", "why") else "right"
        )
    for each in others:
        table.add_row(
            f"{each.change}{'?' if each.fit.is_close else ''}",
            gib(each.fit.headroom_bytes or 0),
            f"{each.fit.max_model_len:,}",
            f"{each.fit.concurrency:,.1f}",
            each.why,
        )
    title = f"What would fit instead of {found.settings.tensor} x {found.accelerator.product}"
    return Group("", Text(title, style="bold"), Padding(table, (0, 0, 0, 2)))
