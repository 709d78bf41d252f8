"""The health check shipped for Argo CD, in the Lua that Argo CD speaks, on what the operator reports."""

from pathlib import Path
from typing import Any

import pytest
from lupa import lua51

from tests.builders import Raw, deployment, merged
from tests.unit.gitops.recorded import OBJECTS

SCRIPT = (Path(__file__).parents[3] / "charts/llmfleet/files/argocd/health.lua").read_text()
HIDDEN = ("string", "math", "io", "os", "debug", "coroutine")
"""Libraries that Argo CD does not load, or not as they are."""


def health(raw: Raw) -> tuple[str, str]:
    """Status and message, as Argo CD would get them."""
    lua = lua51.LuaRuntime(register_eval=False, register_builtins=False)
    for library in HIDDEN:
        lua.globals()[library] = None
    lua.globals().obj = lua.table_from(raw, recursive=True)
    found: Any = lua.execute(SCRIPT)
    return found.status, found.message


VERDICTS = {
    "new": "Progressing",
    "accepted": "Progressing",
    "first pod starts": "Progressing",
    "waits for a GPU": "Progressing",
    "ready": "Healthy",
    "ready by autoscaling": "Healthy",
    "scales up": "Progressing",
    "rolls": "Progressing",
    "rolls and waits for a GPU": "Progressing",
    "rolls to a model too large": "Degraded",
    "goes back": "Progressing",
    "rolled back": "Degraded",
    "image missing": "Degraded",
    "stored spec invalid": "Degraded",
    "name taken": "Degraded",
    "at zero": "Suspended",
    "on the way to zero": "Progressing",
    "paused and complete": "Suspended",
    "paused and short": "Suspended",
    "edited, operator down": "Progressing",
    "edited while stalled, operator down": "Progressing",
    "edited while paused, operator down": "Progressing",
}


@pytest.mark.proves("R51")
@pytest.mark.parametrize("state", VERDICTS)
def test_argo_sees_the_state(state: str) -> None:
    assert health(OBJECTS[state])[0] == VERDICTS[state]


@pytest.mark.proves("R51")
def test_every_state_is_judged_but_deletion_which_argo_judges_itself() -> None:
    assert OBJECTS.keys() - VERDICTS.keys() == {"deleted"}


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("new", "not looked at this generation"),
        ("waits for a GPU", "InsufficientGPU: 0/1 nodes"),
        ("image missing", "ImagePullFailed: not found"),
        ("paused and short", "Paused: spec.paused is true"),
        ("ready", "AllReplicasReady: 1 of 1"),
    ],
)
def test_the_message_is_the_operators_own(state: str, words: str) -> None:
    assert words in health(OBJECTS[state])[1]


@pytest.mark.parametrize(
    "status",
    [
        pytest.param({}, id="empty"),
        pytest.param({"observedGeneration": 1}, id="no conditions"),
        pytest.param({"observedGeneration": 1, "conditions": []}, id="empty conditions"),
        pytest.param(
            {"observedGeneration": 1, "conditions": [{"type": "Ready", "status": "Unknown", "reason": "Pending"}]},
            id="not known yet",
        ),
    ],
)
def test_a_status_that_says_nothing_is_progress(status: Raw) -> None:
    assert health(merged(deployment(), {"status": status}))[0] == "Progressing"


def test_an_object_without_a_status_is_progress() -> None:
    assert health(deployment())[0] == "Progressing"
