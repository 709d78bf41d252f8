"""An operator with a settled fleet has nothing to do: what it writes in a minute, and the memory that it takes."""

import time

from e2e.cluster.progress import Report
from e2e.stack import Stack, chart, sample
from e2e.stack.audit import Request
from e2e.stack.process import processes_of

from .row import Row

FLEET = "rest"
SECONDS = 60
MOST_BYTES = 150 * 2**20


def run(stack: Stack, report: Report, runs: int) -> tuple[Row, ...]:  # noqa: ARG001 because one minute is one run
    """Settle a fleet that autoscales, then look at the audit log for a minute."""
    fleet = stack.fleet(FLEET)
    audit = stack.audit
    start = audit.end()
    fleet.apply(sample(FLEET))
    try:
        with report.step("the fleet settles"):
            fleet.until_settled()
            quiet_from = wait_for_quiet(stack)
        with report.step(f"{SECONDS} s at rest"):
            # The minute itself is what is measured.
            time.sleep(SECONDS)
        written = audit.writes(quiet_from, chart.OPERATOR_USER)
        memory = operator_memory(stack)
    finally:
        fleet.delete()
    touched = object_patches(audit.writes(start, chart.OPERATOR_USER))
    return (
        Row.at_most(f"writes in {SECONDS} s at rest, the Lease aside", len(written), unit(written), 0),
        Row.at_most("writes to an object's metadata or spec, ever", len(touched), unit(touched), 0),
        Row.at_most("operator memory, resident", memory / 2**20, "MiB", MOST_BYTES / 2**20),
    )


QUIET_SECONDS = 45
"""Longer than the autoscaler's windows in this stack: so late may come its last word on earlier traffic."""


def wait_for_quiet(stack: Stack, seconds: float = QUIET_SECONDS, at_most: float = 180) -> int:
    """Wait until the operator has written nothing for so long; the log's position at the beginning of that.

    TimeoutError with what it wrote last when it never rests.
    """
    audit, deadline = stack.audit, time.monotonic() + at_most
    position, since, last = audit.end(), time.monotonic(), ""
    while time.monotonic() - since < seconds:
        if time.monotonic() > deadline:
            raise TimeoutError(f"not {seconds:.0f} s without a write within {at_most:.0f} s; the last: {last}")
        time.sleep(0.5)
        if written := audit.writes(position, chart.OPERATOR_USER):
            position, since, last = audit.end(), time.monotonic(), unit(written)
    return position


def object_patches(requests: list[Request]) -> list[Request]:
    """Writes to the users' objects other than to their status."""
    return [r for r in requests if r.resource == "llmdeployments" and r.subresource != "status"]


def unit(requests: list[Request]) -> str:
    """The first few writes, so that a miss explains itself."""
    return ", ".join(str(request) for request in requests[:3])


def operator_memory(stack: Stack) -> int:
    """Resident bytes of the operator's processes, as the node's kernel counts them."""
    processes = [process for pod in stack.operator_pods() for process in processes_of(pod)]
    if not processes:
        raise LookupError("the operator has no process on this machine")
    return sum(process.resident_bytes() for process in processes)
