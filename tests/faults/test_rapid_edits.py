"""Edits that come faster than they can be acted on."""

import json
import time

import pytest

from tests.faults.stage import Stage

EDITS = 200
MOST_WRITES = 10


def most_writes(seconds: float) -> float:
    """Ten, while the edits take no longer than six seconds; a slower machine gets one pass of two in two seconds."""
    return max(MOST_WRITES, 4 + seconds)


@pytest.mark.cluster
@pytest.mark.proves("R19", "S85")
def test_two_hundred_edits_are_few_writes_and_the_last_one_wins(serving: Stage) -> None:
    fleet = serving.fleet
    documents = [fleet.manifest(lifecycle={"drainTimeoutSeconds": number + 1}) for number in range(EDITS)]
    text = "\n---\n".join(json.dumps(each) for each in documents)
    here, begun = serving.here(), time.monotonic()
    fleet.cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", input=text)
    took = time.monotonic() - begun
    serving.settle()
    (live,) = (raw for raw in serving.objects() if raw["metadata"]["name"] == f"{fleet.name}-live")
    assert json.loads(live["data"]["live.json"])["drainTimeoutSeconds"] == EDITS
    tried = [each.request for each in serving.since(here) if each.request.is_write]
    assert len([each for each in tried if each.resource not in ("leases", "events")]) <= most_writes(took)
