"""The cases: traces, clusters and promises that every policy is measured on. One setting has to do for all of them."""

import gzip
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from random import Random
from statistics import fmean

from llmfleet.core.simulation import synthetic, trace
from llmfleet.core.simulation.fleet import World
from llmfleet.core.simulation.outcome import Promise
from llmfleet.core.simulation.profile import PROFILES
from llmfleet.core.simulation.request import Arrival
from llmfleet.core.simulation.run import Fault, Scene
from llmfleet.core.simulation.synthetic import CHAT, Rate, Sizes

from . import faults

TRACES = Path(__file__).parent / "traces"
Trace = Callable[[Random], Iterable[Arrival]]

CHAT_PROMISE = Promise(time_to_first_token=2.0, time_per_output_token=0.1)
CODE_PROMISE = Promise(time_to_first_token=3.0, time_per_output_token=0.2)
A100 = World(PROFILES["8b-a100"])

CHAT_2024 = Sizes(
    ((0, 60), (0.05, 195), (0.1, 301), (0.2, 442), (0.3, 545), (0.4, 602), (0.5, 903), (0.6, 1690), (0.7, 2106),
     (0.8, 2655), (0.9, 3761), (0.95, 4841), (0.99, 6673), (1, 7000)),
    ((0, 2), (0.3, 11), (0.5, 33), (0.6, 44), (0.7, 66), (0.8, 166), (0.9, 332), (0.95, 442), (0.99, 702), (1, 900)),
)  # fmt: skip
CODE_2024 = Sizes(
    ((0, 40), (0.05, 124), (0.1, 327), (0.2, 717), (0.3, 1124), (0.4, 1487), (0.5, 1912), (0.6, 2372), (0.7, 2929),
     (0.8, 3858), (0.9, 6124), (0.95, 7660), (1, 7700)),
    ((0, 2), (0.5, 7), (0.8, 17), (0.9, 39), (0.95, 77), (0.98, 155), (0.99, 288), (1, 400)),
)  # fmt: skip
"""Quantiles read off the plots of Azure's 2024 week (AzurePublicDataset, AzureLLMInferenceDataset2024.ipynb)."""
CHAT_NIGHT = (28.8, 35.2, 44.6, 49.8, 49.1)
"""Sunday 22 h to Monday 3 h, requests per second, of the same."""
CODE_MORNING = (11.7, 21.0, 39.1, 54.3)
"""Monday 11 h to 15 h of the same."""


@dataclass(frozen=True)
class Case:
    """One case; ``scene`` says what the policy meets, ``disturbed`` when a step comes, if one does."""

    name: str
    about: str
    trace: Trace
    scene: Scene
    disturbed: float | None = None


@cache
def _azure(kind: str) -> tuple[Arrival, ...]:
    with gzip.open(TRACES / f"azure_2023_{kind}.csv.gz", "rt") as stream:
        return trace.read(stream)


def recorded(kind: str, factor: float) -> Trace:
    """Azure's 2023 hour, so many times at once."""
    return lambda chance: trace.scaled(_azure(kind), factor, chance)


def made(rate: Rate, seconds: float, sizes: Sizes, variation: float = 1.1) -> Trace:
    """A synthetic trace."""
    return lambda chance: synthetic.arrivals(rate, seconds, sizes, chance, variation)


def clients(rates: Mapping[float, float], seconds: float, sizes: Sizes) -> Trace:
    """Clients of ``{variation of their gaps: requests per second}`` together, as ServeGen's."""

    def mixed(chance: Random) -> Iterator[Arrival]:
        each = (synthetic.arrivals(partial(_flat, rate), seconds, sizes, chance, cv) for cv, rate in rates.items())
        return iter(sorted(arrival for client in each for arrival in client))

    return mixed


def _flat(rate: float, _: float) -> float:
    return rate


def grown(before: Trace, factor: float, since: float) -> Trace:
    """Prompts longer by a factor from a time on."""

    def longer(chance: Random) -> Iterator[Arrival]:
        for each in before(chance):
            yield replace_prompt(each, factor) if each.time >= since else each

    return longer


def replace_prompt(arrival: Arrival, factor: float) -> Arrival:
    """The same request with a longer prompt."""
    return Arrival(arrival.time, round(arrival.prompt * factor), arrival.output)


def visits(rate: float, length: float, every: float) -> Rate:
    """Traffic for ``length`` seconds every ``every`` seconds."""
    return lambda time: rate if time % every < length else 0.0


CHAT_SCENE = Scene(A100, CHAT_PROMISE, 3480.0, initial=3)
CODE_SCENE = Scene(A100, CODE_PROMISE, 3420.0, initial=3)
FAULTY = (900.0, 1260.0)
"""When the pages of the cases C10 are lost or wrong, seconds; load changes all the while."""
SLOW_RAMP = made(synthetic.ramp(9, 27, 600, 1800), 2700, CHAT)
SLOW_FALL = made(synthetic.ramp(27, 9, 600, 1800), 2700, CHAT)


def lasting(scene: Scene, seconds: float, initial: int = 3, fault: Fault | None = None) -> Scene:
    """The same for another time."""
    return replace(scene, seconds=seconds, initial=initial, fault=fault)


def faulty(letter: str, about: str, fault: Fault, trace: Trace = SLOW_RAMP, initial: int = 3) -> Case:
    """A ramp and, for six minutes in the middle of it, pages that are not what they should be."""
    scene = lasting(CHAT_SCENE, 2700, initial, faults.between(*FAULTY, fault))
    return Case(f"C10{letter}", about, trace, scene)


def means(numbers: Iterable[tuple[str, float]]) -> list[float]:
    """The mean of each of the thirteen, from numbers of cases by name: the faults are one case in several forms."""
    found: dict[str, list[float]] = defaultdict(list)
    for case, number in numbers:
        found["C10" if case.startswith("C10") else case].append(number)
    return [fmean(each) for each in found.values()]


def cases() -> tuple[Case, ...]:
    """All of them, in order; a fault has a memory, so each call makes new ones."""
    night = made(synthetic.profile(CHAT_NIGHT), 18_000, CHAT_2024)
    morning = made(synthetic.profile([0.6 * each for each in CODE_MORNING]), 14_400, CODE_2024, 2.0)
    slow = World(A100.profile, startup_seconds=420, failing_starts=0.2)
    quick = World(A100.profile, startup_seconds=45)
    return (
        Case("C1", "Azure 2023 chat, six times", recorded("conv", 6), lasting(CHAT_SCENE, 3480, 8)),
        Case("C2", "Azure 2023 code, four times: 10 s bursts", recorded("code", 4), CODE_SCENE),
        Case("C3", "Azure 2024 chat, a night's growth", night, lasting(CHAT_SCENE, 18_000, 7)),
        Case("C4", "Azure 2024 code, a morning's growth", morning, lasting(CODE_SCENE, 14_400, 3)),
        Case("C5", "four times the load for 10 minutes", made(synthetic.step(9, 36, 600, 1200), 2400, CHAT),
             lasting(CHAT_SCENE, 2400), disturbed=600),
        Case("C6", "square wave of 20 minutes", made(synthetic.square(9, 36, 1200), 7200, CHAT),
             lasting(CHAT_SCENE, 7200)),
        Case("C7", "bursty clients, constant sum", clients({1.2: 8, 2.2: 4, 4: 4, 6: 2}, 3600, CHAT),
             lasting(CHAT_SCENE, 3600, 5)),
        Case("C8", "prompts three times as long", grown(made(lambda _: 9.0, 2700, CHAT), 3, 900),
             lasting(CHAT_SCENE, 2700)),
        Case("C9", "starts of 7 minutes of which a fifth fail", night, replace(CHAT_SCENE, world=slow, seconds=18_000,
             initial=7)),
        faulty("a", "no pod answers for 6 minutes of a ramp", faults.silent),
        faulty("b", "half of the pods are silent", faults.half_silent),
        faulty("c", "pages stand still", faults.frozen()),
        faulty("d", "numbers are NaN", faults.rewritten(faults.no_numbers)),
        faulty("e", "counters begin anew", faults.counted_anew()),
        faulty("f", "counters stand at zero", faults.rewritten(faults.at_zero)),
        faulty("g", "no pod answers for 6 minutes of a fall", faults.silent, SLOW_FALL, 7),
        Case("C11", "200 s of traffic every 25 minutes", made(visits(6, 200, 1500), 9000, CHAT),
             replace(CHAT_SCENE, world=quick, seconds=9000, initial=1)),
        Case("C12r", "six times the load within 6 minutes", made(synthetic.ramp(9, 54, 600, 960), 2400, CHAT),
             lasting(CHAT_SCENE, 2400)),
        Case("C12f", "six times the load for a minute", made(synthetic.step(9, 54, 600, 660), 3600, CHAT),
             lasting(CHAT_SCENE, 3600), disturbed=600),
    )  # fmt: skip
