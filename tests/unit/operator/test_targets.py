"""From the resource's targets to what the decider is asked for."""

import pytest

from llmfleet.api.autoscaling import Autoscaling
from llmfleet.core.scaling.targets import policy_of


@pytest.mark.parametrize("at_once", [16, None])
def test_what_users_should_feel_goes_with_how_many_requests_the_engine_takes_at_once(at_once) -> None:
    targets = {"timeToFirstToken": {"milliseconds": 2000}}
    policy = policy_of(Autoscaling.model_validate({"maxReplicas": 4, "targets": targets}), at_once)
    assert policy.objectives is not None
    assert (policy.max_concurrency, policy.objectives.at_once) == (at_once, at_once)


def test_the_queue_alone_promises_nothing_that_users_feel() -> None:
    policy = policy_of(Autoscaling.model_validate({"maxReplicas": 4, "targets": {"queueDepth": 4}}), 16)
    assert (policy.queue_depth, policy.objectives) == (4, None)
