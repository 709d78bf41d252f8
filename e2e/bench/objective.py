"""A step of load on real engines: the time to first token is kept again, nothing is lost, and each size says why.

One replica's pace is measured first, while the autoscaler only watches (mode Observe), and the loads are shares of it.
"""

import math
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

from e2e.cluster.progress import Report
from e2e.load import Background, Plan
from e2e.load.report import Percentiles
from e2e.load.request import Outcome
from e2e.stack import Fleet, Stack, sample
from e2e.stack.kubectl import Document

from .drain import describe
from .row import Row

FLEET = "objective"
TARGET_SECONDS, SHARE = 2.0, 0.95
"""What is promised: this share of the requests gets its first token within it."""
CLIENTS, TOKENS = 8, 96
CORES = "300m"
"""Of one engine, so that three of them and the load find room on two cores, and one can be too few."""
CALM_SHARE, STEP_SHARE = 0.4, 1.3
"""Of one replica's pace."""
PACE_SECONDS, LEARN_SECONDS, STEP_SECONDS, QUIET_SECONDS = 60.0, 420.0, 420.0, 900.0
WINDOW_SECONDS, KEPT_SECONDS = 30.0, 60.0
LOOK_SECONDS = 2.0
AUTOSCALING = {"minReplicas": 1, "maxReplicas": 3}


@dataclass(frozen=True)
class Window:
    """What a stretch of the load felt."""

    seconds: float
    """Its end, from the step on."""
    attained: float
    """Share of its answers whose first token came within the target."""


@dataclass(frozen=True)
class Played:
    """What the run showed."""

    pace: float
    """Of one replica, requests per second."""
    calm: Percentiles
    """Time to first token before the step, seconds."""
    windows: tuple[Window, ...]
    """Of the step."""
    released: int
    """Replicas that left in the quiet after it."""
    sent: int
    failures: tuple[tuple[str, int], ...]
    """By phase and reason."""
    history: tuple[Document, ...]
    """Changes of size as the status tells them."""


def manifest() -> Document:
    """One that only watches."""
    targets = {"timeToFirstToken": {"milliseconds": round(TARGET_SECONDS * 1000)}, "queueDepth": None}
    return sample(
        FLEET,
        engine={"maxConcurrency": CLIENTS},
        resources={"limits": {"cpu": CORES}},
        autoscaling={**AUTOSCALING, "mode": "Observe", "targets": targets},
    )


def run(stack: Stack, report: Report, runs: int) -> tuple[Row, ...]:
    """So many steps one after the other, each with a fleet that knows nothing yet."""
    rows: list[Row] = []
    for _ in range(runs):
        fleet = stack.fleet(FLEET)
        fleet.apply(manifest())
        try:
            with report.step("one replica becomes ready"):
                fleet.until_ready_replicas(1, 600)
            with stack.reach(fleet) as url:
                rows += judge(_play(fleet, url, report))
        finally:
            fleet.delete()
    return tuple(rows)


def _play(fleet: Fleet, url: str, report: Report) -> Played:
    with report.step("the pace of one replica"), Background(_plan(url, PACE_SECONDS)) as load:
        time.sleep(PACE_SECONDS)
        first = load.stop()
    pace = first.ok / first.seconds
    report.say(f"one replica answers {pace:.2f} requests a second")
    with report.step("calm, until it has learned"), Background(_plan(url, LEARN_SECONDS, CALM_SHARE * pace)) as load:
        fleet.until(lambda seen: "learned" in seen["status"].get("autoscaling", {}), "values learned", LEARN_SECONDS)
        time.sleep(WINDOW_SECONDS)
        calm = load.stop()
    fleet.patch(autoscaling={"mode": "Enforce"})
    with report.step("a step of load"), Background(_plan(url, STEP_SECONDS, STEP_SHARE * pace)) as load:
        windows = _watched(load)
        step = load.stop()
    with report.step("quiet, until one has gone"), Background(_plan(url, QUIET_SECONDS, CALM_SHARE * pace)) as load:
        most = fleet.get()["status"]["replicas"]
        fleet.until(lambda seen: bool(seen["status"]["replicas"] < most), "a replica released", QUIET_SECONDS)
        time.sleep(WINDOW_SECONDS)
        quiet = load.stop()
    status, loads = fleet.get()["status"], (first, calm, step, quiet)
    phases = zip(("pace", "calm", "step", "quiet"), loads, strict=True)
    failures = tuple((f"{phase}: {reason}", count) for phase, load in phases for reason, count in load.failures)
    history, sent = tuple(status["autoscaling"].get("history", ())), sum(load.sent for load in loads)
    return Played(pace, calm.first_token, windows, most - status["replicas"], sent, failures, history)


def _plan(url: str, seconds: float, rate: float | None = None) -> Plan:
    return Plan(url, FLEET, clients=CLIENTS, seconds=seconds, rate=rate, max_tokens=TOKENS)


def _watched(load: Background) -> tuple[Window, ...]:
    """One window each look, until the target was missed and then kept for long enough, or the step's time is over."""
    began, marks, windows = time.monotonic(), list[tuple[float, int]](), list[Window]()
    while load.is_running and not is_over(windows):
        time.sleep(LOOK_SECONDS)
        now, count = time.monotonic() - began, len(load.tally.outcomes)
        marks.append((now, count))
        since = next(past for at, past in marks if at >= now - WINDOW_SECONDS)
        if since < count:
            windows.append(Window(now, attained(load.tally.outcomes[since:count])))
    return tuple(windows)


def is_over(windows: Sequence[Window]) -> bool:
    """Whether the target was missed and then kept for long enough."""
    missed = [each.seconds for each in windows if each.attained < SHARE]
    return bool(missed) and windows[-1].seconds - missed[-1] >= KEPT_SECONDS


def recovered(windows: Sequence[Window]) -> float:
    """Seconds from the step to the first window after the last miss: 0 without a miss, NaN when the last one missed."""
    missed = [number for number, each in enumerate(windows) if each.attained < SHARE]
    if not missed:
        return 0.0
    return windows[missed[-1] + 1].seconds if missed[-1] + 1 < len(windows) else math.nan


def judge(played: Played) -> tuple[Row, ...]:
    """The rows of one step."""
    explained = [each for each in played.history if each.get("reason") and re.search(r"\d", each.get("message", ""))]
    sizes = [each["to"] for each in played.history]
    return (
        Row("pace of one replica", played.pace, "req/s"),
        Row("time to first token before the step, p95", played.calm.p95, "s"),
        Row(
            "worst window of the step, within the target",
            min((each.attained for each in played.windows), default=math.nan),
            "",
        ),
        Row("most replicas", max(sizes, default=1), ""),
        Row.at_most("target kept again after", recovered(played.windows), "s", STEP_SECONDS - KEPT_SECONDS),
        Row.at_least("replicas released", played.released, "", 1),
        Row("requests", played.sent, ""),
        Row.at_most("failed requests", sum(count for _, count in played.failures), describe(played.failures), 0),
        Row.at_least("changes of size", len(sizes), "", 2),
        Row.at_most("of them without their numbers", len(sizes) - len(explained), "", 0),
    )


def attained(outcomes: Sequence[Outcome]) -> float:
    """Share of requests whose first token came within the target; NaN of none."""
    kept = [each.first_token is not None and each.first_token <= TARGET_SECONDS for each in outcomes]
    return sum(kept) / len(kept) if kept else math.nan
