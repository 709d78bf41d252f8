"""An adapter is replaced again and again on two pods under load: no request may fail, no pod restart, no answer mix.

Each version says one syllable only, so an answer shows whose weights made it. Which versions an answer may be of
follows from when it was asked and when each edit was made and was served.
"""

import asyncio
import itertools
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from e2e.bench.row import Row
from e2e.cluster.progress import Report
from e2e.load.drive import open_session
from e2e.load.request import Request
from e2e.stack import Fleet, Stack, sample, volume
from e2e.stack.fleet import condition, is_current
from e2e.stack.kubectl import Document

FLEET = "adapted"
ADAPTER = "sql"
SYLLABLES = ("ba", "zo", "fi")
CLIENTS = 8
TOKENS = 48
PAUSE_SECONDS = 2.0
"""Each version serves for so long before the next one comes."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one request came to; times are monotonic seconds."""

    asked: float
    ended: float
    text: str
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Swap:
    """One version's time: from before the edit until the next one was served everywhere."""

    says: str
    edited: float
    ended: float


def run(stack: Stack, report: Report, runs: int) -> tuple[Row, ...]:
    """Swap so often under load, each time waiting until every pod serves the new version."""
    fleet = stack.fleet(FLEET)
    fleet.delete()
    fleet.apply(manifest(stack))
    try:
        with report.step("two replicas serve the first version"):
            fleet.until(is_served, "two pods with the adapter", 240)
        before = lives(fleet)
        with asking(fleet) as answers:
            swaps = [*swapped(stack, fleet, report, runs)]
        return judge(answers, swaps, restarts(before, lives(fleet)))
    finally:
        fleet.delete()


def manifest(stack: Stack, name: str = FLEET) -> Document:
    """Two replicas with room for the adapter's versions, serving the first one."""
    lora = {"maxAdapters": 2, "maxRank": 8, "adapters": [entry(stack, SYLLABLES[0])]}
    return sample(name, autoscaling=None, replicas=2, engine={"maxConcurrency": 32}, lora=lora)


def entry(stack: Stack, says: str) -> Document:
    """The adapter in the version that says this, its files on the model's claim."""
    if stack.cluster is None:
        raise ValueError("adapters are written to the volume of a cluster of ours only")
    return {"name": ADAPTER, "uri": volume.provide_adapter(stack.cluster, says)}


def is_served(seen: Document) -> bool:
    """Both pods answer, and every adapter of the present spec is served by both."""
    ready = condition(seen, "AdaptersReady")
    is_there = is_current(seen) and seen["status"].get("readyReplicas") == 2
    return is_there and ready["status"] == "True" and ready["observedGeneration"] == seen["metadata"]["generation"]


def swapped(stack: Stack, fleet: Fleet, report: Report, runs: int) -> Iterator[Swap]:
    """Replace the version so often; each swap is known once its successor is served, the last at the end."""
    says, edited = SYLLABLES[0], 0.0
    for number, following in zip(range(1, runs + 1), itertools.cycle((*SYLLABLES[1:], SYLLABLES[0])), strict=False):
        time.sleep(PAUSE_SECONDS)
        with report.step(f"swap {number} of {runs}: {says} -> {following}"):
            now = time.monotonic()
            fleet.patch(lora={"adapters": [entry(stack, following)]})
            fleet.until(is_served, f"{following} on both pods", 60)
        yield Swap(says, edited, time.monotonic())
        says, edited = following, now
    time.sleep(PAUSE_SECONDS)
    yield Swap(says, edited, float("inf"))


@contextmanager
def asking(fleet: Fleet) -> Iterator[list[Answer]]:
    """Clients without retries ask all the time; on leaving, what is in flight is waited for."""
    answers: list[Answer] = []
    stop = threading.Event()
    url = fleet.url()
    thread = threading.Thread(target=lambda: asyncio.run(ask_all(url, answers, stop)), name="clients")
    thread.start()
    try:
        yield answers
    finally:
        stop.set()
        thread.join()


async def ask_all(url: str, answers: list[Answer], stop: threading.Event) -> None:
    """Half of the clients keep their connection."""
    async with asyncio.TaskGroup() as group:
        for number in range(CLIENTS):
            group.create_task(client(url, answers, stop, fresh=number % 2 == 0))


async def client(url: str, answers: list[Answer], stop: threading.Event, *, fresh: bool) -> None:
    """One answer after the other."""
    body = {"model": ADAPTER, "prompt": "hello", "max_tokens": TOKENS, "temperature": 0}
    body |= {"ignore_eos": True, "stream": True}
    async with open_session(fresh=fresh) as session:
        while not stop.is_set():
            asked, pieces = time.monotonic(), list[str]()
            outcome = await Request(url, body, fresh=fresh).send(session, pieces.append)
            answers.append(Answer(asked, time.monotonic(), "".join(pieces), outcome.failure))


def wrong(answers: Iterable[Answer], swaps: Sequence[Swap]) -> list[Answer]:
    """Whole answers that are not throughout of a version that may have answered then."""

    def right(answer: Answer) -> set[str]:
        return {each.says * TOKENS for each in swaps if each.edited <= answer.ended and answer.asked <= each.ended}

    return [each for each in answers if each.failure is None and each.text.replace(" ", "") not in right(each)]


def lives(fleet: Fleet) -> dict[str, int]:
    """Restarts of each pod by its UID."""
    return {pod["metadata"]["uid"]: restarts_of(pod) for pod in fleet.pods()}


def restarts_of(pod: Document) -> int:
    """How often its containers have started again."""
    return sum(each["restartCount"] for each in pod["status"].get("containerStatuses", ()))


def restarts(before: dict[str, int], after: dict[str, int]) -> int:
    """Containers that started again and pods that were replaced, between two looks."""
    return sum(count - before[uid] if uid in before else 1 for uid, count in after.items())


def judge(answers: Sequence[Answer], swaps: Sequence[Swap], restarted: int) -> tuple[Row, ...]:
    """The rows of one run."""
    failures = [each.failure for each in answers if each.failure is not None]
    seen = {each.text[:2] for each in answers if each.failure is None}
    return (
        Row.at_least("swaps on two pods under load", len(swaps) - 1, "", 1),
        Row("answers", len(answers), ""),
        Row.at_least("versions that answered", len(seen), "", min(len(swaps), len(SYLLABLES))),
        Row.at_most("failed requests", len(failures), "; ".join(sorted(set(failures)))[:80], 0),
        Row.at_most("answers of wrong or mixed weights", len(wrong(answers, swaps)), "", 0),
        Row.at_most("restarts", restarted, "", 0),
    )
