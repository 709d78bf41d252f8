"""Nodes are read while a rollout needs to know, and at no other time."""

import pytest

from llmfleet.core.fleet import needs_capacity
from llmfleet.core.goal import goal
from llmfleet.core.world import Observed
from tests.builders import NOW, Raw, children, deployment, look, pod, ready, revision, settled, with_spec, with_status

OLD = deployment()
NEW = {"engine": {"maxModelLen": 512}}


def rolling(**spec: object) -> Observed:
    new = deployment(with_spec(**NEW, **spec))
    return look(new, children(OLD), [pod(revision(OLD), ready())])


def gone_back() -> Observed:
    bad = deployment(with_spec(**NEW))
    given_up = {"name": revision(bad), "role": "GivenUp", "replicas": 0, "ready": 0}
    told: Raw = deployment(
        with_spec(**NEW),
        with_status(observedGeneration=1, servedRevision=revision(OLD), revisions=[given_up]),
    )
    return look(told, children(OLD), [pod(revision(OLD), ready())])


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        pytest.param(rolling(), True, id="a rollout"),
        pytest.param(rolling(rollout={"type": "WhenIdle"}), True, id="a rollout that waits to be idle"),
        pytest.param(rolling(rollout={"type": "Surge"}), False, id="a rollout that was told its way"),
        pytest.param(rolling(rollout={"type": "InPlace"}), False, id="told the other way"),
        pytest.param(rolling(paused=True), False, id="paused"),
        pytest.param(settled(OLD), False, id="at rest"),
        pytest.param(look(OLD), False, id="nothing there yet"),
        pytest.param(gone_back(), False, id="at rest after going back"),
    ],
)
def test_nodes_are_read_only_for_a_step_that_depends_on_them(observed: Observed, expected: bool) -> None:  # noqa: FBT001 because parametrize gives it
    assert needs_capacity(observed, goal(observed, NOW)) is expected
