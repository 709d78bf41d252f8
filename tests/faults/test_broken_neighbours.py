"""R11: what hangs or fails for some fleets keeps no other from becoming Ready."""

import pytest

from tests.faults.rules import WRITING, Delay, Fault, Refuse, on
from tests.faults.stage import Stage
from tests.integration.operator.operator_process import eventually

MANY = 50


def created(stage: Stage, *named: str) -> None:
    items = [stage.another(each).manifest(replicas=1) for each in named]
    stage.fleet.kubectl("create", "-f", "-", document={"apiVersion": "v1", "kind": "List", "items": items})


def ready(stage: Stage) -> set[str]:
    """The fleets that say they are."""
    condition = '{.status.conditions[?(@.type=="Ready")].status}'
    told = stage.fleet.kubectl(
        "get", "llm", "-o", "jsonpath={range .items[*]}{.metadata.name} " + condition + '{"\\n"}{end}'
    )
    return {line.split()[0] for line in told.splitlines() if line.endswith(" True")}


@pytest.mark.proves("R11")
def test_fleets_whose_writes_hang_keep_no_other_waiting(behind: Stage) -> None:
    hangs = Fault(on(WRITING, name="slow-.*"), Delay(30.0))
    behind.arm(hangs)
    behind.start()
    created(behind, *(f"slow-{number}" for number in range(8)))
    behind.until(lambda: behind.proxy.struck(hangs), "a write hangs")
    created(behind, "good")
    eventually(lambda: ready(behind), lambda found: found == {"good"}, 20)
    assert behind.exits == []


@pytest.mark.proves("R11")
def test_one_whose_writes_fail_leaves_fifty_others_ready_within_a_minute(behind: Stage) -> None:
    behind.arm(Fault(on(WRITING, name="bad.*"), Refuse(500)))
    behind.start()
    good = {f"good-{number}" for number in range(MANY)}
    created(behind, "bad", *sorted(good))
    eventually(lambda: ready(behind), lambda found: found == good, 60)
    assert behind.operator.page("/livez")[0] == 200
    assert behind.exits == []
