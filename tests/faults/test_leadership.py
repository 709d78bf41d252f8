"""Two replicas on a real server: whoever leads, one writes; one that was frozen wakes under another leader."""

import signal
import time
from collections import Counter

import pytest

from e2e.stack.audit import AuditLog
from tests.faults import oracles
from tests.faults.stage import Stage
from tests.integration.operator.operator_process import eventually

pytestmark = pytest.mark.cluster
LOST_THE_LEASE = 1
TAKEOVER_SECONDS = 20


@pytest.mark.proves("R26", "F4")
def test_a_leader_that_was_frozen_writes_nothing_on_waking(serving: Stage) -> None:
    frozen = serving.operator.process
    frozen.send_signal(signal.SIGSTOP)
    serving.fleet.edit(replicas=1)  # it wakes with this in its ears
    with serving.second() as second:
        eventually(lambda: second.is_leading, bool, TAKEOVER_SECONDS)
        eventually(lambda: list(serving.fleet.sizes().values()), lambda sizes: sizes == [1])
        serving.fleet.edit(replicas=3)
        serving.fleet.await_condition("Ready")
        here = serving.here()
        frozen.send_signal(signal.SIGCONT)
        assert frozen.wait(TAKEOVER_SECONDS) == LOST_THE_LEASE
        assert [str(each.request) for each in serving.since(here) if each.request.is_write and each.code < 300] == []
        assert list(serving.fleet.sizes().values()) == [3]
    assert oracles.defects(serving.log()) == []


@pytest.mark.proves("R26", "F5")
def test_of_two_that_start_at_once_one_leads_and_nothing_is_made_twice(behind: Stage) -> None:
    audit = AuditLog(behind.fleet.cluster.audit_log)
    position = audit.end()
    behind.start()
    with behind.second() as second:
        behind.fleet.create()
        behind.fleet.await_condition("Ready")
        time.sleep(1)
        assert sorted([behind.operator.is_leading, second.is_leading]) == [False, True]
        writes = audit.writes(position, f"system:serviceaccount:{behind.fleet.namespace}:llmfleet")
        made = Counter(f"{each.resource}/{each.name}" for each in writes if each.code == 201 and each.name)
        assert made
        assert set(made.values()) == {1}
