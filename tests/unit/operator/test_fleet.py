"""The rules of a fleet: which actions a look at the cluster calls for, and in which order."""

import pytest

from llmfleet import names
from llmfleet.api.conditions import Reason
from llmfleet.core.fleet import plan
from llmfleet.core.plan import Action, Annotate, Apply, Delete, Plan
from llmfleet.core.world import Observed
from tests import builders
from tests.builders import (
    DEFAULTS,
    NOW,
    UID,
    Raw,
    annotated,
    child,
    children,
    deployment,
    look,
    pod,
    ready,
    report,
    revision,
    settled,
    starting,
    with_metadata,
    with_spec,
)

ONE, TWO, ZERO = (deployment(with_spec(replicas=size)) for size in (1, 2, 0))
OLD = deployment(with_spec(replicas=1, engine={"maxModelLen": 512}))
MOST = 2**31 - 1
"""The highest deletion cost that Kubernetes takes."""


def made(observed: Observed) -> Plan:
    return plan(observed, DEFAULTS, NOW)


def said(found: Plan) -> list[str]:
    """Each action in short."""

    def short(action: Action) -> str:
        of = revision(ONE), revision(OLD)
        name = action.ref.name.replace(of[0], "NEW").replace(of[1], "OLD")
        is_sized = action.ref.kind == "Deployment" and isinstance(action, Apply)
        size = f"={action.manifest['spec']['replicas']}" if is_sized else ""
        return f"{type(action).__name__} {action.ref.kind}/{name}{size}"

    return [short(action) for action in found.actions]


def manifest(found: Plan, kind: str) -> Raw:
    return dict(next(each.manifest for each in found.actions if isinstance(each, Apply) and each.ref.kind == kind))


def rolling(*modifiers, old_ready: bool = True) -> Observed:
    """One old pod serves, one new pod stands beside it."""
    new = [
        each for each in children(ONE, number=2) if each["kind"] in ("ControllerRevision", "Deployment", "ConfigMap")
    ]
    pods = [pod(revision(OLD), ready() if old_ready else starting()), pod(revision(ONE), *modifiers)]
    return look(ONE, [*children(OLD), *new], pods, {each["metadata"]["uid"]: report(in_flight=3) for each in pods})


def test_a_new_fleet_is_made_in_the_order_in_which_it_is_needed() -> None:
    assert said(made(look(TWO))) == [
        "Apply ControllerRevision/qwen-NEW",
        "Apply ConfigMap/qwen-NEW",
        "Apply ConfigMap/qwen-live",
        "Apply Service/qwen",
        "Apply PodDisruptionBudget/qwen",
        "Apply Deployment/qwen-NEW=2",
    ]


@pytest.mark.proves("R02")
@pytest.mark.parametrize("raw", [ONE, TWO, ZERO, deployment()])
def test_a_settled_fleet_needs_nothing(raw: Raw) -> None:
    assert made(settled(raw, raw["spec"].get("replicas", 1))).actions == ()


def test_every_action_says_why() -> None:
    assert all(action.why for action in (*made(look(TWO)).actions, *made(rolling(ready())).actions))


def test_a_new_revision_surges_beside_the_old_one() -> None:
    assert said(made(look(ONE, children(OLD), [pod(revision(OLD), ready())]))) == [
        "Apply ControllerRevision/qwen-NEW",
        "Apply ConfigMap/qwen-NEW",
        "Apply Deployment/qwen-NEW=1",
    ]


def test_ready_pod_of_an_old_revision_waits_for_its_replacement() -> None:
    assert said(made(rolling(starting()))) == []


def test_a_ready_replacement_releases_the_old_pod() -> None:
    assert said(made(rolling(ready()))) == ["Apply Deployment/qwen-OLD=0"]


def test_an_old_pod_that_never_answered_is_released_at_once() -> None:
    assert said(made(rolling(starting(), old_ready=False))) == ["Apply Deployment/qwen-OLD=0"]


def test_shrinking_comes_before_growing_so_that_a_pass_cut_short_exceeds_no_bound() -> None:
    old = [pod(revision(OLD), ready(), name=name) for name in "ab"]
    standing = [*children(OLD, 2), *children(ONE, number=2)]
    assert [each for each in said(made(look(TWO, standing, [*old, pod(revision(ONE), ready())]))) if "loy" in each] == [
        "Apply Deployment/qwen-OLD=1",
        "Apply Deployment/qwen-NEW=2",
    ]


@pytest.mark.proves("R31")
def test_an_edit_back_takes_the_recorded_template_byte_for_byte() -> None:
    """Although this operator would freeze it otherwise now."""
    record = builders.record(ONE)
    record["data"]["template"]["spec"]["containers"][0]["image"] = "as-it-was:1"
    found = made(look(ONE, [record]))
    assert "Apply ControllerRevision/qwen-NEW" not in said(found)
    assert manifest(found, "Deployment")["spec"]["template"] == record["data"]["template"]


def test_a_new_revision_takes_the_next_number() -> None:
    assert manifest(made(look(ONE, [builders.record(OLD, number=7)])), "ControllerRevision")["revision"] == 8


@pytest.mark.proves("R53")
@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        pytest.param(deployment(with_spec(paused=True, replicas=3)), Reason.PAUSED, id="paused"),
        pytest.param(deployment(with_spec(replicas=-3)), Reason.INVALID_SPEC, id="invalid number"),
        pytest.param(deployment(with_spec(ofTheFuture=True)), Reason.INVALID_SPEC, id="unknown field"),
        pytest.param(
            deployment(builders.being_deleted(), with_spec(replicas=3)),
            Reason.DELETING,
            id="deleted",
            marks=pytest.mark.proves("F25", "S87"),
        ),
    ],
)
def test_a_blocked_fleet_is_left_as_it_is(raw: Raw, reason: Reason) -> None:
    found = made(look(raw, children(ONE), [pod(revision(ONE), ready())]))
    assert (found.actions, found.blocked[0].reason) == ((), reason)


def test_a_fleet_whose_record_is_gone_is_left_alone() -> None:
    found = made(look(TWO, [builders.fleet(ONE, 1)], [pod(revision(ONE), ready())]))
    assert (found.actions, found.blocked[0].reason) == ((), Reason.REVISION_MISSING)


def test_a_previous_revision_whose_record_is_gone_leaves_with_the_template_it_has() -> None:
    """Else it would stay for ever beside its successor."""
    kept = [each for each in rolling(ready()).children.values() if revision(OLD) not in each["metadata"]["name"]]
    live = builders.fleet(OLD, 1)
    live["spec"]["template"]["spec"]["added"] = "by the server"
    found = made(look(ONE, [*kept, live], [pod(revision(OLD), ready()), pod(revision(ONE), ready())]))
    shrunk = next(each for each in found.actions if revision(OLD) in each.ref.name and each.ref.kind == "Deployment")
    assert isinstance(shrunk, Apply)
    assert (shrunk.manifest["spec"]["replicas"], shrunk.manifest["spec"]["template"]) == (0, live["spec"]["template"])


def test_a_record_that_is_gone_is_made_again_where_no_fleet_stands_on_it() -> None:
    kept = [each for each in children(ZERO) if each["kind"] not in ("ControllerRevision", "Deployment")]
    assert said(made(look(ONE, kept))) == ["Apply ControllerRevision/qwen-NEW", "Apply Deployment/qwen-NEW=1"]


@pytest.mark.proves("R14")
def test_children_of_another_owner_are_not_seen() -> None:
    theirs = [child(each, with_metadata(ownerReferences=[])) for each in children(TWO, 2)]
    forerunner = children(deployment(with_metadata(uid="forerunner")))
    assert said(made(look(TWO, [*theirs, *forerunner]))) == said(made(look(TWO)))


@pytest.mark.proves("R17")
def test_pods_of_another_owner_are_not_seen() -> None:
    observed = look(ONE, children(ONE), [pod(revision(ONE), ready(), with_metadata(labels={names.UID_LABEL: "other"}))])
    assert observed.pods == ()


@pytest.mark.proves("R63")
@pytest.mark.parametrize(
    ("raw", "size", "expected"),
    [
        pytest.param(ONE, 1, None, id="none over one"),
        pytest.param(TWO, 1, 1, id="appears at two"),
        pytest.param(deployment(with_spec(replicas=5)), 2, 4, id="follows the size"),
    ],
)
def test_the_budget_spares_all_but_one(raw: Raw, size: int, expected: int | None) -> None:
    found = [each for each in made(settled_as(raw, size)).actions if each.ref.kind == "PodDisruptionBudget"]
    assert [each.manifest["spec"]["minAvailable"] for each in found if isinstance(each, Apply)] == [expected] * bool(
        expected
    )


def settled_as(raw: Raw, size: int) -> Observed:
    """A fleet that was settled at another size."""
    return look(raw, children(raw, size), [pod(revision(raw), ready(), name=f"p{index}") for index in range(size)])


def test_the_budget_goes_with_the_second_replica() -> None:
    assert "Delete PodDisruptionBudget/qwen" in said(made(settled_as(ONE, 2)))


def marks(found: Plan) -> dict[str, int]:
    """The deletion costs that a plan gives, by pod."""
    given = [each for each in found.actions if isinstance(each, Annotate)]
    return {each.ref.name: int(each.annotations[names.DELETION_COST_ANNOTATION]) for each in given}


def shrinking(*pods: Raw, **in_flight: int | None) -> Observed:
    """A fleet of three on its way to one; pods that are not named in ``in_flight`` were not asked."""
    told = {f"uid-{name}": report(in_flight=load) for name, load in in_flight.items()}
    return look(ONE, children(ONE, 3), pods, told)


@pytest.mark.proves("R60")
@pytest.mark.parametrize(
    ("in_flight", "costs"),
    [
        pytest.param({"a": 9, "b": 0, "c": 4}, {"a": 9, "b": 0, "c": 4}, id="as many as requests"),
        pytest.param({"a": 9, "b": 0, "c": None}, {"a": 9, "b": 0, "c": MOST}, id="a silent one goes last"),
        pytest.param({"a": 9, "b": 0}, {"a": 9, "b": 0, "c": MOST}, id="one that nobody asked too"),
        pytest.param({"a": None, "b": None, "c": None}, {}, id="all silent are equal"),
        pytest.param({"a": 2**40, "b": -1, "c": None}, {"a": MOST - 1, "b": 0, "c": MOST}, id="absurd ones in bounds"),
    ],
)
def test_victims_are_marked_with_their_requests_before_the_fleet_shrinks(in_flight: dict, costs: dict) -> None:
    found = made(shrinking(*(pod(revision(ONE), ready(), name=name) for name in "abc"), **in_flight))
    assert marks(found) == costs
    assert said(found)[-1] == "Apply Deployment/qwen-NEW=1"


def test_pods_that_all_leave_are_not_marked() -> None:
    assert marks(made(look(ZERO, children(ONE, 1), [pod(revision(ONE), ready(), name="a")], {"uid-a": report()}))) == {}


def test_a_pod_that_is_not_ready_is_not_marked() -> None:
    """It goes before all others whatever it costs."""
    pods = pod(revision(ONE), ready(), name="a"), pod(revision(ONE), starting(), name="b")
    assert marks(made(shrinking(*pods, a=3))) == {"a": 3}


@pytest.mark.parametrize(("load", "mark"), [(9, "9"), (None, str(MOST))])
def test_a_victim_is_not_marked_twice(load: int | None, mark: str) -> None:
    marked = pod(revision(ONE), ready(), annotated({names.DELETION_COST_ANNOTATION: mark}), name="a")
    assert marks(made(shrinking(marked, pod(revision(ONE), ready(), name="b"), a=load, b=0))) == {"b": 0}


def test_a_silent_pod_that_answers_before_the_fleet_has_shrunk_is_marked_anew() -> None:
    marked = pod(revision(ONE), ready(), annotated({names.DELETION_COST_ANNOTATION: str(MOST)}), name="a")
    assert marks(made(shrinking(marked, a=3))) == {"a": 3}


def test_pods_of_a_growing_fleet_are_not_marked() -> None:
    assert not [
        each for each in made(settled_as(deployment(with_spec(replicas=4)), 2)).actions if isinstance(each, Annotate)
    ]


@pytest.mark.parametrize("kind", ["Service", "ConfigMap", "Deployment"])
def test_a_child_is_applied_on_the_version_it_was_decided_on(kind: str) -> None:
    edited = deployment(with_spec(replicas=3, service={"port": 80}, lifecycle={"drainTimeoutSeconds": 5}))
    found = made(look(edited, children(ONE), [pod(revision(ONE), ready())]))
    versions = {each.ref.kind: each.resource_version for each in found.actions if isinstance(each, Apply)}
    assert versions[kind] == "7"


def test_a_child_is_created_on_no_version() -> None:
    assert {each.resource_version for each in made(look(ONE)).actions if isinstance(each, Apply)} == {""}


def test_a_delete_names_the_very_object() -> None:
    delete = next(each for each in made(settled_as(ONE, 2)).actions if isinstance(each, Delete))
    assert delete.uid == "uid-of-PodDisruptionBudget/qwen"
    assert UID not in delete.uid
