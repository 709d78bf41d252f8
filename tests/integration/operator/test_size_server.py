"""The largest objects that the API server takes, beside small ones."""

import json
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from tests.integration.crd.test_input_server import largest
from tests.integration.operator.conftest import Start
from tests.integration.operator.fleet import Fleet
from tests.integration.operator.operator_process import OperatorProcess, eventually

pytestmark = pytest.mark.cluster
LARGE_OBJECTS = 3
EVERY_SECONDS = 0.02
BLOCKED_SECONDS = 1.0
"""Of the operator's own processor time: what else the machine does is not its doing."""
MOST_GROWTH_BYTES = 128 * 2**20
"""Seen: 47 to 91 MiB with three objects of 1.3 MiB, as their passes happen to overlap."""

EDITS, WARM_EDITS = 40, 20
"""Seen: 129 MiB after the first edit, 156 after the nineteenth, 156 after the sixtieth."""
MOST_GROWTH_BY_EDITS_BYTES = 12 * 2**20
"""Were each of twenty texts of 1.3 MiB kept, it would be 26 MiB."""


def high_water(operator: OperatorProcess) -> int:
    """The most memory the process has had so far, bytes."""
    text = Path(f"/proc/{operator.process.pid}/status").read_text(encoding="utf-8")
    found = re.search(r"VmHWM:\s+(\d+) kB", text)
    assert found
    return int(found[1]) * 1024


def worked(operator: OperatorProcess) -> float:
    """Processor time of the process so far, seconds (proc_pid_stat(5), utime and stime)."""
    fields = Path(f"/proc/{operator.process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def polled(operator: OperatorProcess) -> Iterator[list[tuple[int, float]]]:
    """Asks the event loop's own page all the time; each answer's status, and what the operator worked before it."""
    answers: list[tuple[int, float]] = []
    over = Event()

    def ask() -> None:
        while not over.wait(EVERY_SECONDS):
            before = worked(operator)
            status, _ = operator.page("/livez")
            answers.append((status, worked(operator) - before))

    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask)
        try:
            yield answers
        finally:
            over.set()
    asking.result()


@pytest.mark.proves("R78", "R11")
def test_huge_objects_keep_memory_flat_and_delay_nobody(start: Start, fleet: Fleet) -> None:
    operator = start()
    fleet.create(replicas=1)
    fleet.await_condition("Ready")
    before = high_water(operator)
    with polled(operator) as answers:
        _load(fleet)
    assert {status for status, _ in answers} == {200}
    assert max(seconds for _, seconds in answers) < BLOCKED_SECONDS
    assert high_water(operator) - before < MOST_GROWTH_BYTES


def _load(fleet: Fleet) -> None:
    others = [replace(fleet, name=f"large{number}") for number in range(LARGE_OBJECTS)]
    for other in others:
        _create(other)
    fleet.edit(replicas=2)
    fleet.await_condition("Ready", seconds=10)
    for other in others:
        assert len(_told(other)) <= 1024


@pytest.mark.timeout(400)
@pytest.mark.proves("R78")
def test_edits_of_a_huge_object_leave_memory_where_it_was(start: Start, fleet: Fleet) -> None:
    operator = start()
    _create(fleet)
    seen = []
    with polled(operator) as answers:
        for seconds in range(EDITS):
            fleet.edit(lifecycle={"drainTimeoutSeconds": seconds})
            _told(fleet)
            seen.append(high_water(operator))
    assert {status for status, _ in answers} == {200}
    assert max(seconds for _, seconds in answers) < BLOCKED_SECONDS
    assert seen[-1] - seen[WARM_EDITS - 1] < MOST_GROWTH_BY_EDITS_BYTES, seen


def _create(fleet: Fleet) -> None:
    document = json.loads(largest())
    document["metadata"] |= {"name": fleet.name, "namespace": fleet.namespace}
    fleet.kubectl("create", "-f", "-", document=document)


def _told(fleet: Fleet) -> str:
    """What is said of the present spec, once it has been looked at."""
    return str(eventually(lambda: fleet.condition("Ready"), lambda found: found.get("message"))["message"])
