"""Recorded traces: Azure's CSV and Mooncake's JSON lines become arrivals."""

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from llmfleet.core.scaling.flow import Flow
from llmfleet.core.simulation.chance import Chance
from llmfleet.core.simulation.request import Arrival

AZURE_HEADER = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")
SHIFT_SECONDS = 15.0


class UnreadableTrace(ValueError):
    """A line that is none of the known formats, with its number."""


def read(lines: Iterable[str]) -> tuple[Arrival, ...]:
    """Arrivals in order of time, from 0. Raises ``UnreadableTrace``.

    Azure: ``TIMESTAMP,ContextTokens,GeneratedTokens`` (AzurePublicDataset, AzureLLMInferenceTrace). Mooncake: one
    object a line with ``timestamp`` in ms, ``input_length`` and ``output_length`` (Mooncake, FAST25-release).
    """
    numbered = [(number, line.strip()) for number, line in enumerate(lines, start=1) if line.strip()]
    if not numbered:
        raise UnreadableTrace("the trace is empty")
    is_csv = not numbered[0][1].startswith("{")
    found = sorted(_azure(numbered) if is_csv else map(_mooncake, numbered))
    if not found:
        raise UnreadableTrace("the trace has no requests")
    start = found[0].time
    return tuple(Arrival(each.time - start, max(1, each.prompt), max(1, each.output)) for each in found)


def _azure(lines: Sequence[tuple[int, str]]) -> Iterator[Arrival]:
    if tuple(next(csv.reader([lines[0][1]]))) != AZURE_HEADER:
        raise UnreadableTrace(f"line 1 is neither {','.join(AZURE_HEADER)} nor a JSON object: {lines[0][1][:80]}")
    for number, line in lines[1:]:
        try:
            stamp, prompt, output = next(csv.reader([line]))
            yield Arrival(_seconds(stamp), int(prompt), int(output))
        except ValueError as error:
            raise UnreadableTrace(f"line {number}: {error}: {line[:80]}") from error


def _seconds(stamp: str) -> float:
    """Unix time; a stamp without a zone is UTC."""
    read = datetime.fromisoformat(stamp)
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()


def _mooncake(numbered: tuple[int, str]) -> Arrival:
    number, line = numbered
    try:
        read = json.loads(line)
        return Arrival(float(read["timestamp"]) / 1000.0, int(read["input_length"]), int(read["output_length"]))
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableTrace(f"line {number}: {type(error).__name__} {error}: {line[:80]}") from error


def of_flows(flows: Iterable[Flow], chance: Chance, start: float) -> tuple[Arrival, ...]:
    """Requests as they may have come in what a fleet counted: evenly within a look, of sizes that vary as they do.

    ``start`` is the Unix time of their second 0. Only counts are known of them. Sizes are exponential about the look's
    mean, the decider's own assumption.
    """
    found: list[Arrival] = []
    for each in flows:
        for _ in range(round(each.requests)):
            sizes = (chance.gammavariate(1.0, total / each.requests) for total in (each.prompted, each.tokens))
            prompt, output = (max(1, round(size)) for size in sizes)
            found.append(Arrival(max(0.0, each.time - start - chance.random() * each.seconds), prompt, output))
    return tuple(sorted(found))


def scaled(arrivals: Sequence[Arrival], factor: float, chance: Chance) -> tuple[Arrival, ...]:
    """So many copies of a trace at once, each shifted by up to 15 s, with requests swapped: bursts stay bursts.

    A broken part of ``factor`` keeps that share of one more copy's requests.
    """
    found: list[Arrival] = []
    left = factor
    while left > 0:
        shift = (chance.random() * 2 - 1) * SHIFT_SECONDS if found else 0.0
        for each in arrivals:
            if left >= 1 or chance.random() < left:
                like = arrivals[chance.randrange(len(arrivals))]
                found.append(Arrival(max(0.0, each.time + shift), like.prompt, like.output))
        left -= 1
    return tuple(sorted(found))
