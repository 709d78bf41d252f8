"""The verdict that Flux reaches on what the operator reports."""

import pytest

from tests.builders import NOW, Raw, deployment
from tests.unit.gitops.kstatus import kstatus
from tests.unit.gitops.recorded import OBJECTS, born

VERDICTS = {
    "new": "InProgress",
    "accepted": "InProgress",
    "first pod starts": "InProgress",
    "waits for a GPU": "InProgress",
    "ready": "Current",
    "ready by autoscaling": "Current",
    "scales up": "InProgress",
    "rolls": "InProgress",
    "rolls and waits for a GPU": "InProgress",
    "rolls to a model too large": "Failed",
    "goes back": "InProgress",
    "rolled back": "Failed",
    "image missing": "Failed",
    "stored spec invalid": "Failed",
    "name taken": "Failed",
    "at zero": "Current",
    "on the way to zero": "InProgress",
    "paused and complete": "Current",
    "paused and short": "Failed",
    "edited, operator down": "InProgress",
    "edited while stalled, operator down": "InProgress",
    "edited while paused, operator down": "InProgress",
    "deleted": "Terminating",
}


@pytest.mark.proves("R40")
@pytest.mark.parametrize("state", OBJECTS)
def test_flux_sees_the_state(state: str) -> None:
    assert kstatus(OBJECTS[state]) == VERDICTS[state]


@pytest.mark.proves("R39")
def test_without_the_schemas_default_a_new_object_would_count_as_done() -> None:
    assert kstatus(deployment()) == "Current"
    assert kstatus(born()) == "InProgress"


def _with(*conditions: tuple[str, str], observed: int = 1) -> Raw:
    told = [{"type": kind, "status": status, "lastTransitionTime": NOW} for kind, status in conditions]
    return {**deployment(), "status": {"observedGeneration": observed, "conditions": told}}


@pytest.mark.parametrize(
    ("raw", "verdict"),
    [
        pytest.param(_with(("Ready", "True")), "Current", id="ready"),
        pytest.param(_with(("Ready", "False")), "InProgress", id="not ready, for ever"),
        pytest.param(_with(("Ready", "Unknown")), "InProgress", id="not known"),
        pytest.param(_with(("Stalled", "True"), ("Ready", "True")), "Failed", id="stalled before ready"),
        pytest.param(_with(("Reconciling", "True"), ("Stalled", "True")), "InProgress", id="both: the first wins"),
        pytest.param(_with(("Stalled", "True"), observed=0), "InProgress", id="of an earlier generation"),
        pytest.param(_with(("Available", "False")), "Current", id="no condition that it knows"),
    ],
)
def test_the_port_follows_the_rules(raw: Raw, verdict: str) -> None:
    assert kstatus(raw) == verdict
