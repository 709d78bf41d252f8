"""Deletes a pod under real streams, again and again; no client may see a failed request (rulings 7 and 8)."""

from e2e.cluster.progress import Report
from e2e.load import Background, Plan
from e2e.stack import Fleet, Stack, sample
from e2e.stack.kubectl import Document

from .row import Row

FLEET = "drain"
STREAMS = 16
CLIENTS = 32
TOKENS = 512


def manifest(name: str = FLEET) -> Document:
    """Two replicas that batch all clients, so that every stream really streams."""
    return sample(name, autoscaling=None, replicas=2, engine={"maxConcurrency": 32})


def run(stack: Stack, report: Report, runs: int) -> tuple[Row, ...]:
    """Keep streams open and delete one pod after the other."""
    fleet = stack.fleet(FLEET)
    fleet.apply(manifest())
    with report.step("two replicas become ready"):
        fleet.until_ready_replicas(2)
    least = 10**9
    try:
        with stack.reach(fleet) as url, Background(plan(url, FLEET, runs * 90)) as load:
            for number in range(1, runs + 1):
                with report.step(f"deletion {number} of {runs}"):
                    least = min(least, delete_one(fleet, load))
            result = load.stop()
    finally:
        fleet.delete()
    return (
        Row.at_least("deletions", runs, "", runs),
        Row.at_least("open streams at a deletion, fewest", least, "", STREAMS),
        Row("requests", result.sent, ""),
        Row("first token, largest", result.first_token.largest, "s"),
        Row.at_most("failed requests", result.failed, describe(result.failures), 0),
    )


def plan(url: str, model: str, seconds: float) -> Plan:
    """Streams of some seconds over fresh and keep-alive connections."""
    return Plan(url, model, clients=CLIENTS, seconds=min(seconds, 1800), max_tokens=TOKENS)


def delete_one(fleet: Fleet, load: Background) -> int:
    """Delete the oldest pod under load, wait for its successor; return how many streams were open."""
    victim = min((pod["metadata"] for pod in fleet.pods()), key=lambda pod: pod["creationTimestamp"])["name"]
    load.until(lambda tally: tally.streaming >= STREAMS, 120)
    streams = load.tally.streaming
    fleet.kubectl.delete("pod", victim)
    fleet.kubectl.run("wait", "pod", victim, "--for=delete", "--timeout=120s", seconds=150)
    fleet.until_ready_replicas(2)
    return streams


def describe(failures: tuple[tuple[str, int], ...]) -> str:
    """The reasons, most frequent first."""
    return ", ".join(f"{count} x {reason}" for reason, count in failures)
