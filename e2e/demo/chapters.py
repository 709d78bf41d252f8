"""The chapters of the demo, in the order they are told. Each does one thing a user would do and shows the answer."""

import asyncio

import aiohttp

from e2e.load import Background
from e2e.load.request import Request
from e2e.stack.fleet import is_settled
from e2e.stack.kubectl import Document

from .stage import Stage

QUESTION = "Tell me about the sea."
CLIENTS = 24
"""Enough to keep a queue at three replicas of two sequences each, with four waiting requests wanted for each."""


def serve(stage: Stage) -> None:
    """Apply the object and watch it become Ready."""
    stage.screen.chapter("One object")
    stage.screen.say("This is all a user writes; llmfleet makes the rest of it.")
    stage.screen.document(stage.manifest, "kubectl apply")
    with stage.timing("apply to Ready"):
        stage.fleet.apply(stage.manifest)
        with stage.screen.live(lambda: "waiting for the engine to load the model"):
            fleet = stage.until(is_settled, "Ready", 600)
    stage.screen.fact(f"serving at {fleet['status'].get('endpoint', '')}", "bold green")


def ask(stage: Stage) -> None:
    """Stream a chat completion to the terminal."""
    stage.screen.chapter("A question")
    stage.screen.say(f"{QUESTION}  (A tiny random model answers: the words mean nothing, the way they take is real.)")
    body = {
        "model": stage.model_name,
        "messages": [{"role": "user", "content": QUESTION}],
        "max_tokens": 60,
        "stream": True,
        "stream_options": {"include_usage": True},
    }

    async def send(url: str) -> None:
        async with aiohttp.ClientSession() as session:
            outcome = await Request(url, body).send(session, stage.screen.piece)
        stage.screen.console.print()
        stage.count(1, int(not outcome.is_ok))
        if not outcome.is_ok or outcome.first_token is None:
            raise RuntimeError(f"the question was not answered: {outcome.failure}")
        stage.measured.append(("first token of a chat", f"{outcome.first_token * 1000:.0f} ms"))

    with stage.stack.reach(stage.fleet) as url:
        asyncio.run(send(url))


def grow(stage: Stage) -> None:
    """Drive load until the fleet has grown to its largest size."""
    largest = stage.manifest["spec"]["autoscaling"]["maxReplicas"]
    stage.screen.chapter(f"Load: 1 → {largest}")
    stage.screen.say(f"{CLIENTS} clients ask without pause, half of them over fresh connections; none of them retries.")
    with stage.stack.reach(stage.fleet) as url, Background(stage.plan(url, clients=CLIENTS, max_tokens=128)) as load:
        with stage.timing(f"load to {largest} ready replicas"), stage.screen.live(lambda: describe(load)):
            stage.until(lambda fleet: has_size(fleet, largest), f"{largest} ready replicas", 380)
        stage.explain()
        report = load.stop()
    stage.count(report.sent, report.failed)
    stage.screen.fact(str(report), "green" if not report.failed else "bold red")
    stage.measured.append(("while growing", f"{report.sent} requests, {report.failed} failed"))
    stage.measured.append(("first token while growing", str(report.first_token)))
    stage.measured.append(("throughput while growing", f"{report.tokens_per_second:.0f} tokens/s"))


def shrink(stage: Stage) -> None:
    """Let the fleet go back to its smallest size, with a little traffic on it."""
    smallest = stage.manifest["spec"]["autoscaling"]["minReplicas"]
    stage.screen.chapter(f"Quiet: back to {smallest}")
    stage.screen.say("One request a second stays. Replicas that leave finish what they have begun.")
    with stage.stack.reach(stage.fleet) as url, Background(stage.plan(url, rate=1.0, max_tokens=16)) as load:
        with stage.timing(f"quiet to {smallest} replica"), stage.screen.live(lambda: describe(load)):
            stage.until(lambda fleet: has_size(fleet, smallest), f"{smallest} replica", 380)
        stage.explain()
        report = load.stop()
    stage.count(report.sent, report.failed)
    stage.screen.fact(str(report), "green" if not report.failed else "bold red")
    stage.measured.append(("while shrinking", f"{report.sent} requests, {report.failed} failed"))


def mistake(stage: Stage) -> None:
    """Apply a broken edit, show the answer, and show that the fleet did not notice."""
    stage.screen.chapter("A mistake")
    stage.screen.say("spec.engine.maxConcurrency: 0 makes no sense. The fleet keeps serving whatever is sent to it.")
    before = stage.fleet.get()
    with stage.stack.reach(stage.fleet) as url, Background(stage.plan(url, clients=2, max_tokens=16)) as load:
        stage.screen.refusal(stage.fleet.refusal(engine={"maxConcurrency": 0}))
        goal = len(load.tally.outcomes) + 20
        with stage.screen.live(lambda: describe(load)):
            load.until(lambda tally: len(tally.outcomes) >= goal, 60)
        report = load.stop()
    after = stage.fleet.get()
    if after["metadata"]["generation"] != before["metadata"]["generation"]:
        raise RuntimeError("a refused edit changed the object")
    stage.count(report.sent, report.failed)
    stage.screen.fact(f"the object is unchanged; {report}", "green" if not report.failed else "bold red")
    stage.measured.append(("after the mistake", f"{report.sent} requests, {report.failed} failed"))


def remove(stage: Stage) -> None:
    """Delete the object; its children go with it."""
    stage.screen.chapter("Gone")
    with stage.timing("delete to nothing left"), stage.screen.live(lambda: "waiting for the last pod to drain"):
        stage.fleet.delete(seconds=300)
    stage.screen.fact("the object and all that was made for it are gone", "green")


def has_size(fleet: Document, size: int) -> bool:
    """Whether exactly ``size`` replicas exist and all are ready."""
    status = fleet.get("status", {})
    return bool(status.get("replicas") == status.get("readyReplicas") == size)


def describe(load: Background) -> str:
    """The live line of a load."""
    tally = load.tally
    done = len(tally.outcomes)
    return f"{done} answered, {tally.failed} failed, {tally.started - done} in flight ({tally.streaming} streaming)"
