"""The truth table of status.py, row by row, and what stands beside the conditions."""

import pytest

from llmfleet.api.conditions import MEANINGS, ConditionType, Reason
from llmfleet.api.status import Condition, Status
from llmfleet.core import fleet
from llmfleet.core.plan import Apply, Outcome, Outcomes, Ref
from llmfleet.core.status import derive
from llmfleet.core.world import Observed
from llmfleet.shell.telemetry import as_members
from tests import builders
from tests.builders import (
    DEFAULTS,
    LATER,
    NOW,
    Raw,
    child,
    children,
    crashed,
    deployment,
    look,
    pod,
    ready,
    revision,
    settled,
    starting,
    unschedulable,
    waiting,
    with_autoscaling,
    with_decision,
    with_spec,
    with_status,
)

ONE = deployment()
OLD = deployment(with_spec(engine={"maxModelLen": 512}))
TWO = deployment(with_spec(replicas=2))
ZERO = deployment(with_spec(replicas=0))
PAUSED = with_spec(paused=True)
INVALID = deployment(with_spec(replicas=-1))
NO_GPU = unschedulable("Insufficient nvidia.com/gpu")


def standing(raw: Raw, *pods: Raw, size: int = 1) -> Observed:
    return look(raw, children(raw, size), pods)


def a(raw: Raw, *modifiers, name: str = "") -> Raw:
    return pod(revision(raw), *modifiers, name=name)


def rolling(*modifiers) -> Observed:
    """The old revision serves; a pod of the new one is beside it."""
    made = [*children(OLD), *(each for each in children(ONE, number=2) if each["kind"] != "Service")]
    return look(ONE, made, [a(OLD, ready()), a(ONE, *modifiers)])


def failing(message: str) -> Observed:
    condition = {"type": "ReplicaFailure", "status": "True", "message": message}
    made = [
        child(each, with_status(conditions=[condition])) if each["kind"] == "Deployment" else each
        for each in children(ONE)
    ]
    return look(ONE, made)


def refused(reason: Reason) -> Outcomes:
    action = Apply(Ref("Service", "qwen"), {}, "", "")
    return Outcomes((Outcome(action, reason, "words of the server"),))


def conditions(observed: Observed, outcomes: Outcomes | None = None) -> dict[str, Condition]:
    found = derive(observed, fleet.plan(observed, DEFAULTS, NOW), outcomes or Outcomes(), NOW)
    return {each.type: each for each in found.conditions}


ROWS = [
    # what is                                  Ready Avail. Recon. Stalled reason
    ("nothing yet", look(ONE), "FFTF", Reason.STARTING),
    ("first pod starts", standing(ONE, a(ONE, starting())), "FFTF", Reason.STARTING),
    ("settled", settled(ONE), "TTFF", Reason.ALL_REPLICAS_READY),
    ("settled at zero", standing(ZERO, size=0), "TTFF", Reason.SCALED_TO_ZERO),
    ("zero wanted, one leaves", standing(ZERO, a(ZERO, ready())), "FTTF", Reason.SCALING),
    ("one of two", standing(TWO, a(TWO, ready()), a(TWO, starting(), name="b"), size=2), "FTTF", Reason.SCALING),
    ("one too many", standing(ONE, a(ONE, ready()), a(ONE, ready(), name="b")), "FTTF", Reason.SCALING),
    ("new revision starts", rolling(starting()), "FTTF", Reason.ROLLING_OUT),
    ("new revision lacks a GPU", rolling(NO_GPU), "FTTF", Reason.INSUFFICIENT_GPU),
    ("new revision crashes", rolling(crashed("CUDA out of memory", restarts=3)), "FTFT", Reason.OUT_OF_GPU_MEMORY),
    ("new revision crashed once", rolling(crashed("CUDA out of memory")), "FTTF", Reason.OUT_OF_GPU_MEMORY),
    ("no GPU", standing(ONE, a(ONE, NO_GPU)), "FFTF", Reason.INSUFFICIENT_GPU),
    ("no node", standing(ONE, a(ONE, unschedulable("Insufficient cpu"))), "FFTF", Reason.UNSCHEDULABLE),
    ("no image", standing(ONE, a(ONE, waiting("ErrImagePull"))), "FFFT", Reason.IMAGE_PULL_FAILED),
    ("quota", failing("exceeded quota: pods"), "FFTF", Reason.QUOTA_EXCEEDED),
    ("pod security", failing("violates PodSecurity restricted"), "FFFT", Reason.POD_SECURITY_VIOLATION),
    ("admission", failing("denied by a webhook"), "FFFT", Reason.POD_CREATION_FAILED),
    ("invalid, nothing runs", look(INVALID), "FFFT", Reason.INVALID_SPEC),
    ("invalid, one runs", look(INVALID, children(ONE), [a(ONE, ready())]), "FTFT", Reason.INVALID_SPEC),
    ("paused and complete", settled(deployment(PAUSED)), "TTFF", Reason.PAUSED),
    ("paused and short", look(deployment(PAUSED)), "FFFT", Reason.PAUSED),
    ("record gone", look(ONE, [builders.fleet(ONE, 1)], [a(ONE, ready())]), "FTFT", Reason.REVISION_MISSING),
]


@pytest.mark.proves("R43", "F27", "F28", "F32", "F34")
@pytest.mark.parametrize(("observed", "expected", "reason"), [pytest.param(*row[1:], id=row[0]) for row in ROWS])
def test_truth_table(observed: Observed, expected: str, reason: Reason) -> None:
    found = conditions(observed)
    said = "".join(found[kind].status[0] for kind in ("Ready", "Available", "Reconciling", "Stalled"))
    assert (said, found["Ready"].reason) == (expected, reason)


@pytest.mark.parametrize(("observed", "expected", "reason"), [pytest.param(*row[1:], id=row[0]) for row in ROWS])
def test_exactly_one_of_ready_reconciling_and_stalled_is_true(observed: Observed, expected: str, reason) -> None:
    found = conditions(observed)
    assert sum(found[kind].status == "True" for kind in ("Ready", "Reconciling", "Stalled")) == 1


@pytest.mark.proves("R38", "R39")
@pytest.mark.parametrize("observed", [pytest.param(row[1], id=row[0]) for row in ROWS])
def test_every_condition_is_there_with_a_known_reason_and_the_generation(observed: Observed) -> None:
    found = conditions(observed)
    assert list(found) == [each.value for each in ConditionType]
    assert all(each.reason in MEANINGS and each.observed_generation == 1 for each in found.values())


@pytest.mark.parametrize("reason", [Reason.REFUSED, Reason.NAME_TAKEN])
def test_a_refused_write_is_shown_with_the_servers_words(reason: Reason) -> None:
    found = conditions(settled(ONE), refused(reason))
    assert (found["Stalled"].status, found["Ready"].status, found["Stalled"].reason) == ("True", "False", reason)
    assert "words of the server" in found["Stalled"].message
    assert "Service/qwen" in found["Stalled"].message


def test_trouble_of_a_previous_revision_is_no_trouble_of_the_fleet() -> None:
    made = [*children(OLD), builders.record(ONE, 2), builders.fleet(ONE, 1)]
    observed = look(ONE, made, [a(OLD, crashed("CUDA out of memory", restarts=9)), a(ONE, starting())])
    assert conditions(observed)["Stalled"].status == "False"


def test_what_makes_a_fleet_hopeless_comes_before_what_may_pass() -> None:
    observed = standing(TWO, a(TWO, NO_GPU), a(TWO, waiting("ErrImagePull"), name="b"), size=2)
    assert conditions(observed)["Ready"].reason == Reason.IMAGE_PULL_FAILED


@pytest.mark.parametrize(
    ("modifiers", "status", "reason"),
    [
        pytest.param([], "False", Reason.NOT_CONFIGURED, id="no autoscaling"),
        pytest.param([with_autoscaling(1, 3)], "Unknown", Reason.PENDING, id="no decision"),
        pytest.param([with_autoscaling(1, 3), with_decision(1)], "True", Reason.LOAD_OBSERVED, id="decided"),
        pytest.param(
            [with_autoscaling(1, 3), with_decision(1, load_seen=False)], "False", Reason.LOAD_UNAVAILABLE, id="no load"
        ),
        pytest.param(
            [with_autoscaling(1, 3), with_decision(1), with_spec(replicas=2)],
            "True",
            Reason.REPLICAS_IGNORED,
            id="replicas beside it",
        ),
    ],
)
def test_scaling_active(modifiers: list, status: str, reason: Reason) -> None:
    found = conditions(settled(deployment(*modifiers)))["ScalingActive"]
    assert (found.status, found.reason) == (status, reason)


def again(before: Status, raw: Raw, *pods: Raw) -> dict[str, str]:
    """Transition times of a later look at a fleet with this status."""
    told = {**raw, "status": as_members(before)}
    observed = look(told, children(raw), pods)
    found = derive(observed, fleet.plan(observed, DEFAULTS, NOW), Outcomes(), LATER)
    return {each.type: each.last_transition_time for each in found.conditions}


@pytest.mark.proves("R38")
def test_a_transition_time_stays_until_its_status_flips() -> None:
    observed = settled(ONE)
    before = derive(observed, fleet.plan(observed, DEFAULTS, NOW), Outcomes(), NOW)
    assert set(again(before, ONE, a(ONE, ready())).values()) == {NOW}
    flipped = again(before, ONE, a(ONE, builders.unready()))
    assert flipped == {
        "Ready": LATER, "Available": LATER, "CapacityAvailable": NOW, "ScalingActive": NOW, "UpgradeAvailable": NOW,
        "AdaptersReady": NOW, "EngineVerified": NOW, "Reconciling": LATER, "Stalled": NOW,
    }  # fmt: skip


def test_a_second_look_at_an_unchanged_fleet_says_the_same() -> None:
    observed = settled(ONE)
    plan = fleet.plan(observed, DEFAULTS, NOW)
    first = derive(observed, plan, Outcomes(), NOW)
    told = look({**ONE, "status": as_members(first)}, observed.children.values(), [a(ONE, ready())], observed.reports)
    assert derive(told, plan, Outcomes(), LATER) == first
