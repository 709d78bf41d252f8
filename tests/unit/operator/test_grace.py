"""What may be on its way is waited for; then the fleet is stuck and says so, and it heals by itself."""

import pytest

from llmfleet.api.conditions import Reason
from llmfleet.api.status import Status
from llmfleet.core import fleet
from llmfleet.core.plan import Outcomes, Plan
from llmfleet.core.status import derive
from llmfleet.core.world import Observed
from tests.builders import (
    DEFAULTS,
    Raw,
    child,
    children,
    crashed,
    deployment,
    look,
    pod,
    ready,
    revision,
    waiting,
    with_metadata,
    with_status,
)

ONE = deployment()
BORN = "2026-11-21T12:00:00Z"
SOON, THEN = "2026-11-21T12:00:30Z", "2026-11-21T12:01:00Z"
NO_SECRET = waiting("CreateContainerConfigError", 'secret "hf-token" not found')


def with_pod(*modifiers, raw: Raw = ONE) -> Observed:
    return look(raw, children(ONE), [pod(revision(ONE), with_metadata(creationTimestamp=BORN), *modifiers)])


def refused(message: str) -> Observed:
    """The ReplicaSet cannot make pods."""
    condition = {"type": "ReplicaFailure", "status": "True", "message": message, "lastTransitionTime": BORN}
    made = [
        child(each, with_status(conditions=[condition])) if each["kind"] == "Deployment" else each
        for each in children(ONE)
    ]
    return look(ONE, made)


def planned(observed: Observed, now: str) -> Plan:
    return fleet.plan(observed, DEFAULTS, now)


def said(observed: Observed, now: str) -> tuple[str, str, str]:
    found = {each.type: each for each in status(observed, now).conditions}
    return found["Reconciling"].status, found["Stalled"].status, found["Ready"].reason


def status(observed: Observed, now: str) -> Status:
    return derive(observed, planned(observed, now), Outcomes(), now)


@pytest.mark.proves("R43", "R52", "F42")
def test_a_missing_secret_is_waited_for_a_minute_and_then_stalls() -> None:
    observed = with_pod(NO_SECRET)
    assert said(observed, SOON) == ("True", "False", Reason.SECRET_NOT_FOUND)
    assert planned(observed, SOON).recheck_after == 30
    assert said(observed, THEN) == ("False", "True", Reason.SECRET_NOT_FOUND)
    assert planned(observed, THEN).recheck_after is None


@pytest.mark.proves("R43", "F42")
def test_it_heals_by_itself_and_remembers_the_failure() -> None:
    stuck = status(with_pod(NO_SECRET), THEN).model_dump(by_alias=True, exclude_none=True)
    healed = with_pod(ready(), raw=deployment(with_status(**stuck)))
    assert said(healed, THEN) == ("False", "False", Reason.ALL_REPLICAS_READY)
    failure = status(healed, THEN).last_failure
    assert failure is not None
    assert (failure.reason, failure.time, failure.remedy) == (
        "SecretNotFound", BORN, "Create the Secret hf-token in this namespace."
    )  # fmt: skip


@pytest.mark.parametrize("now", [SOON, THEN])
def test_a_crash_loop_needs_no_grace(now: str) -> None:
    assert said(with_pod(crashed("CUDA out of memory", restarts=3)), now)[1] == "True"


@pytest.mark.proves("R52")
def test_pods_that_admission_refuses_may_be_admitted_within_a_minute() -> None:
    observed = refused('pods "a" is forbidden: error looking up service account team-a/x: not found')
    assert said(observed, SOON) == ("True", "False", Reason.ADMISSION_DENIED)
    assert planned(observed, SOON).recheck_after == 30
    assert said(observed, THEN) == ("False", "True", Reason.ADMISSION_DENIED)


@pytest.mark.proves("R43")
def test_a_quota_is_waited_for_without_end() -> None:
    observed = refused('pods "a" is forbidden: exceeded quota: gpus, requested: x=1')
    assert said(observed, THEN) == ("True", "False", Reason.QUOTA_EXCEEDED)
    assert planned(observed, SOON).recheck_after is None


@pytest.mark.proves("R43")
def test_a_missing_config_map_is_told_after_two_minutes() -> None:
    condition = {"type": "PodReadyToStartContainers", "status": "False"}
    observed = with_pod(waiting("ContainerCreating"), with_status(conditions=[condition], startTime=BORN))
    assert said(observed, THEN) == ("True", "False", Reason.STARTING)
    assert (status(observed, THEN).problems, planned(observed, THEN).recheck_after) == ((), 60)
    assert said(observed, "2026-11-21T12:02:00Z") == ("True", "False", Reason.POD_NOT_PREPARED)


def test_the_message_ends_with_the_remedy_that_names_what_to_do() -> None:
    ready_condition = status(with_pod(NO_SECRET), THEN).conditions[0]
    assert ready_condition.message == ('secret "hf-token" not found | Create the Secret hf-token in this namespace.')


@pytest.mark.proves("R64")
def test_a_replica_that_was_preempted_explains_the_gap_until_another_takes_its_place() -> None:
    target = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "PreemptionByScheduler",
        "lastTransitionTime": BORN,
    }
    gone = pod(
        revision(ONE), ready(), with_metadata(deletionTimestamp=SOON), with_status(conditions=[target]), name="a"
    )
    assert said(look(ONE, children(ONE), [gone]), SOON) == ("True", "False", Reason.PREEMPTED)
    both = [gone, pod(revision(ONE), ready(), name="b")]
    assert said(look(ONE, children(ONE), both), SOON)[2] == Reason.ALL_REPLICAS_READY
