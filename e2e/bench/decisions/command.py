"""``python -m e2e.bench decisions``: three scenes, two minutes."""

import gc
import resource
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click
import uvloop

from e2e.bench import row
from e2e.bench.decisions.fleets import PODS, TICK_SECONDS, Fleets, Looks
from e2e.bench.decisions.pods import Kind, recorded, serving
from e2e.bench.row import Row
from llmfleet.core.scaling.decide import Memory, Policy, decide
from llmfleet.core.scaling.load import tick
from llmfleet.core.scaling.objective import Objective, Objectives
from llmfleet.core.scaling.sample import sample
from llmfleet.shell import process
from llmfleet_runtime.contract import LoadReport

DECISION_MS, CORE_PERCENT, LATE, GROWTH_MIB = 1.0, 20.0, 1.1, 64.0
SLOW_SHARE = 10
"""One fleet of so many has a pod that never answers."""
WARM_SECONDS, SECONDS = 15.0, 30.0
POLICY = Policy(PODS, 2 * PODS, objectives=Objectives(Objective(0.95, 2.0), Objective(0.95, 0.1)))


@click.command("decisions", help=sys.modules["e2e.bench.decisions"].__doc__)
@click.option("--fleets", "count", type=click.IntRange(10, 2000), default=1000, show_default=True, help="Deployments.")
@click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the numbers here.")
def command(count: int, json_file: Path | None) -> None:
    """Decide for many fleets of four pods each, on loopback."""
    process.prepare()
    rows = [decided()]
    for scene in (all_prompt, some_slow, all_endless):
        click.echo(f"{scene.__name__.replace('_', ' ')}: {WARM_SECONDS + SECONDS:.0f} s", err=True)
        rows += scene(count)
    row.conclude("decisions", rows, json_file)


def decided() -> Row:
    """CPU of a decision, from four pages as text to a number with its reasons."""
    memory, pages = Memory.fresh(0.0), recorded()[:: int(TICK_SECONDS)]
    began = time.process_time()
    for number, page in enumerate(pages):
        now = number * TICK_SECONDS
        samples = [sample(LoadReport.model_validate_json(page), str(pod)) for pod in range(PODS)]
        _, memory = decide(POLICY, memory, PODS, tick(now, samples), now)
    spent = (time.process_time() - began) / len(pages)
    return Row.at_most("CPU of a decision on four pages", 1000 * spent, "ms", DECISION_MS)


def watched(kinds: Sequence[Sequence[Kind]]) -> tuple[Fleets, Looks]:
    """Fleets of pods of these kinds, after the scene."""
    counts = Counter(each for fleet in kinds for each in fleet)
    numbers = {kind: iter(range(count)) for kind, count in counts.items()}
    addresses = [tuple(kind.address(next(numbers[kind])) for kind in fleet) for fleet in kinds]
    with serving(counts) as port:
        found: tuple[Fleets, Looks] = uvloop.run(_watched(addresses, port))
    return found


async def _watched(addresses: Sequence[tuple[str, ...]], port: int) -> tuple[Fleets, Looks]:
    fleets = Fleets(addresses, port)
    try:
        return fleets, await fleets.run(WARM_SECONDS, SECONDS)
    finally:
        await fleets.close()


def all_prompt(count: int) -> list[Row]:
    """What everything costs while all is well."""
    fleets, looks = watched([(Kind.PROMPT,) * PODS] * count)
    expected = count * SECONDS / TICK_SECONDS
    heard = [fleets.autoscaler.metrics.sizing.heard.labels(*key)._value.get() for key in fleets.keys]  # noqa: SLF001 because there is no other way to read one
    what = f"of a core for {count} fleets with {count * PODS} pods, every {TICK_SECONDS:.0f} s"
    return [
        Row.at_most(f"CPU, {what}", 100 * looks.share, "%", CORE_PERCENT * count / 1000),
        Row("CPU of a look with its four pods", 1000 * looks.share * SECONDS / looks.count, "ms"),
        Row.at_least("looks that were made, of those due", looks.count / expected, "", 1 / LATE),
        Row.at_least("fleets all of whose pods were heard", sum(each == PODS for each in heard) / count, "", 1.0),
        Row("memory of the process", resident_mib(), "MiB"),
    ]


def some_slow(count: int) -> list[Row]:
    """Whether anybody waits for a pod that does not answer."""
    slow = [number % SLOW_SHARE == 0 for number in range(count)]
    fleets, looks = watched([(Kind.SLOW if each else Kind.PROMPT, *(Kind.PROMPT,) * (PODS - 1)) for each in slow])
    rows = []
    for what, wanted in (("with a silent pod", True), ("beside them", False)):
        keys = [key for key, is_slow in zip(fleets.keys, slow, strict=True) if is_slow is wanted]
        gaps = looks.gaps(keys)
        late = gaps[int(0.99 * len(gaps))] / TICK_SECONDS
        rows.append(Row.at_most(f"p99 between two looks over the tick, fleets {what}", late, "", LATE))
    return rows


def all_endless(count: int) -> list[Row]:
    """Whether pages without end take memory."""
    gc.collect()
    before = resident_mib()
    _, looks = watched([(Kind.ENDLESS,) * PODS] * count)
    grown = peak_mib() - before if peak_mib() > before else 0.0
    return [
        Row.at_most("memory that endless pages of all pods take", max(0.0, resident_mib() - before), "MiB", GROWTH_MIB),
        Row("the most there was of it", grown, "MiB"),
        Row("looks per second on them", looks.count / SECONDS, ""),
    ]


def resident_mib() -> float:
    """Memory that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def peak_mib() -> float:
    """The most that it ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
