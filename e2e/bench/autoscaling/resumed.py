"""Runs, kept as they end: a bench or sweep that was broken off goes on where it was.

Only rivals are kept. They depend on the rules, the cases and the simulated fleet, and not on our decider; a change of
what they depend on begins a file of its own.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from statistics import fmean

import grimp
from pydantic import TypeAdapter, ValidationError

from e2e.cluster import layout
from llmfleet_runtime.contract import LoadReport

from . import cases, families, kept_apart, suite
from .suite import OURS, Job, Played

OUR_DECIDER = "llmfleet.core.scaling.decide"
RUN: TypeAdapter[Played] = TypeAdapter(Played)


class Kept:
    """Runs of rivals in a file of one line each."""

    def __init__(self, path: Path) -> None:
        """What is in ``path`` already counts; a line that was broken off does not."""
        self.path = path
        self.runs: dict[Job, Played] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        for line in path.read_text().splitlines() if path.exists() else ():
            self._take(line)

    def _take(self, line: str) -> None:
        try:
            found = RUN.validate_json(line)
        except ValidationError:
            return
        self.runs[found.job] = found

    def add(self, played: Played) -> None:
        """Keep a run of a rival without what only ours is judged by; it is on the disk when this returns."""
        if played.policy == OURS or played.job in self.runs:
            return
        slim = replace(played, outcome=replace(played.outcome, slices=(), came=(), sizes=()))
        self.runs[played.job] = slim
        with self.path.open("ab") as stream:
            stream.write(b"\n" + RUN.dump_json(slim))


def default_path() -> Path:
    """In the cache, by what the numbers depend on."""
    return layout.cache() / "sweep" / f"{digest(sources())}.jsonl"


def sources() -> tuple[Path, ...]:
    """The files that a rival's numbers depend on."""
    graph = grimp.build_graph("llmfleet", "e2e", cache_dir=None)
    graph.remove_module(OUR_DECIDER)
    roots = (families.__name__, cases.__name__, kept_apart.__name__)
    names = {suite.__name__, *roots}.union(*map(graph.find_upstream_modules, roots))
    files = (Path(str(import_module(name).__file__)) for name in names)
    return (*sorted(files), *sorted(cases.TRACES.glob("*.gz")))


def digest(files: Sequence[Path]) -> str:
    """Of their contents, and of the form of the page that every pod answers with."""
    found = hashlib.sha256(json.dumps(LoadReport.model_json_schema(), sort_keys=True).encode())
    for each in files:
        found.update(each.name.encode() + b"\0" + each.read_bytes())
    return found.hexdigest()[:16]


class Rest:
    """What is not yet played, and how long it takes."""

    def __init__(self, names: Sequence[str], jobs: Iterable[Job]) -> None:
        """All that is to be played of the cases of these names; none is all."""
        self.jobs = set(jobs)
        self._seconds = {each.name: each.scene.seconds for each in suite.chosen(names)}
        self._speeds: dict[str, list[float]] = defaultdict(list)

    def ended(self, played: Played) -> None:
        """One run less."""
        self.jobs.discard(played.job)
        self._speeds[played.job.case].append(played.speed)

    @property
    def core_seconds(self) -> float:
        """Of one core, by what runs of the same case took, or all where there is none."""
        means = {case: fmean(speeds) for case, speeds in self._speeds.items()}
        overall = fmean(means.values())
        counts = Counter(job.case for job in self.jobs)
        return sum(count * self._seconds[case] / means.get(case, overall) for case, count in counts.items())
