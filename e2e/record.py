"""``python -m e2e.record FILE``: the pages that real pods print under a burst, as tests of the decider replay them.

One JSON object a line: ``seconds`` since the start, ``pages`` of the ready pods at that time, null for a silent one.
"""

import json
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from e2e.cluster import progress
from e2e.load import Background, Plan
from e2e.stack import bring_up, sample
from e2e.stack.fleet import Fleet
from e2e.stack.kubectl import Document
from llmfleet_runtime.contract import LOAD_PATH, STATUS_PORT

NAME = "recorded"
EVERY_SECONDS = 2.0
QUIET_SECONDS, BUSY_SECONDS, AFTER_SECONDS = 20.0, 150.0, 70.0
CLIENTS = 24


def main(path: Path) -> None:
    """Record a fleet at rest, under a burst and at rest again; four minutes."""
    report = progress.choose()
    stack = bring_up(report)
    fleet = stack.fleet(NAME)
    fleet.apply(sample(NAME))
    try:
        with report.step("the fleet settles"):
            fleet.until_settled(300)
        began, lines = time.monotonic(), list[str]()
        with report.step("at rest"):
            lines += watch(fleet, began, QUIET_SECONDS)
        with (
            report.step(f"{CLIENTS} clients"),
            Background(Plan(fleet.url(), NAME, clients=CLIENTS, seconds=BUSY_SECONDS, max_tokens=128)) as load,
        ):
            lines += watch(fleet, began, BUSY_SECONDS)
            load.stop()
        with report.step("at rest again"):
            lines += watch(fleet, began, AFTER_SECONDS)
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    finally:
        fleet.delete()


def watch(fleet: Fleet, began: float, seconds: float) -> list[str]:
    """A line every two seconds."""
    lines, end = [], time.monotonic() + seconds
    while (now := time.monotonic()) < end:
        pages = [page(pod) for pod in fleet.pods() if is_ready(pod)]
        lines.append(json.dumps({"seconds": round(now - began, 1), "pages": pages}))
        time.sleep(max(0.0, EVERY_SECONDS - (time.monotonic() - now)))
    return lines


def is_ready(pod: Document) -> bool:
    """Ready and not leaving."""
    ready = any(each["type"] == "Ready" and each["status"] == "True" for each in pod["status"].get("conditions", ()))
    return ready and "deletionTimestamp" not in pod["metadata"]


def page(pod: Document) -> str | None:
    """The pod's ``/load`` as it prints it; None when it is silent."""
    url = f"http://{pod['status']['podIP']}:{STATUS_PORT}{LOAD_PATH}"
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            text: str = answer.read().decode()
    except (urllib.error.URLError, TimeoutError, OSError):
        return None
    return text


if __name__ == "__main__":
    main(Path(sys.argv[1]))
