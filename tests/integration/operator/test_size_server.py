"""The largest objects that the API server takes, beside small ones."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.crd.test_input_server import largest
from tests.integration.operator.conftest import Start
from tests.integration.operator.fleet import Fleet
from tests.integration.operator.operator_process import OperatorProcess, eventually

pytestmark = pytest.mark.cluster
LARGE_OBJECTS = 3
MOST_GROWTH_BYTES = 100 * 2**20


def high_water(operator: OperatorProcess) -> int:
    """The most memory the process has had so far, bytes."""
    text = Path(f"/proc/{operator.process.pid}/status").read_text(encoding="utf-8")
    found = re.search(r"VmHWM:\s+(\d+) kB", text)
    assert found
    return int(found[1]) * 1024


@pytest.mark.proves("R78", "R11")
def test_huge_objects_keep_memory_flat_and_delay_nobody(start: Start, fleet: Fleet) -> None:
    operator = start()
    fleet.create(replicas=1)
    fleet.await_condition("Ready")
    before = high_water(operator)
    others = [replace(fleet, name=f"large{number}") for number in range(LARGE_OBJECTS)]
    for other in others:
        document = json.loads(largest())
        document["metadata"] |= {"name": other.name, "namespace": fleet.namespace}
        fleet.kubectl("create", "-f", "-", document=document)
    fleet.edit(replicas=2)
    fleet.await_condition("Ready", seconds=10)
    for other in others:
        told = eventually(lambda other=other: other.condition("Ready"), lambda found: found.get("message"))
        assert len(told["message"]) <= 1024
    assert operator.page("/livez")[0] == 200
    assert high_water(operator) - before < MOST_GROWTH_BYTES
