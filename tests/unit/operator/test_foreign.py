"""Somebody else's autoscaler aims at a fleet: it is seen, said, and left the size that it has a hold of."""

from dataclasses import replace

import pytest

from llmfleet import names
from llmfleet.api.conditions import Reason
from llmfleet.core import fleet as planning
from llmfleet.core.foreign import Scaler, scaler
from llmfleet.core.plan import Outcomes, Ref
from llmfleet.core.size import desired_size
from llmfleet.core.status import derive
from llmfleet.core.world import Observed
from llmfleet.shell import scalers
from llmfleet.shell.cache import Cache
from llmfleet.shell.errors import FleetError, Refused, Unavailable
from llmfleet.shell.ports import Key
from tests.builders import (
    DEFAULTS,
    NOW,
    Raw,
    children,
    deployment,
    fleet,
    look,
    parsed,
    pod,
    ready,
    revision,
    with_autoscaling,
    with_decision,
    with_spec,
    with_status,
)
from tests.fakes import FakeOperator
from tests.simulator import Simulator

KEY = Key("team-a", "qwen")
AUTOSCALED = (with_autoscaling(1, 4), with_decision(2))
OF_KEDA = {"kind": "ScaledObject", "name": "web", "controller": True}
A_CHART = {"kind": "Chart", "name": "web"}
PLAIN = "HorizontalPodAutoscaler/web"


def autoscaler(kind: str, name: str, group: str = "apps/v1", owner: Raw | None = None) -> Raw:
    target = {"apiVersion": group, "kind": kind, "name": name}
    metadata = {"name": "web", "namespace": "team-a"} | ({"ownerReferences": [owner]} if owner else {})
    return {"kind": "HorizontalPodAutoscaler", "metadata": metadata, "spec": {"scaleTargetRef": target}}


@pytest.mark.parametrize(
    ("raw", "name", "of"),
    [
        pytest.param(autoscaler("Deployment", "qwen-a-0123456789"), PLAIN, "qwen-a", id="aims at a child"),
        pytest.param(autoscaler("LLMDeployment", "qwen-a", names.API_VERSION), PLAIN, "qwen-a", id="at the object"),
        pytest.param(autoscaler("Deployment", "qwen-0", owner=OF_KEDA), "ScaledObject/web", "qwen", id="made by KEDA"),
        pytest.param(autoscaler("Deployment", "qwen-0", owner=A_CHART), PLAIN, "qwen", id="owned, not controlled"),
    ],
)
def test_an_autoscaler_is_known_by_its_maker_and_found_by_its_target(raw: Raw, name: str, of: str) -> None:
    found = scaler(raw)
    assert found is not None
    assert (found.name, found.fleet) == (name, of)


@pytest.mark.parametrize(
    "raw",
    [
        autoscaler("StatefulSet", "qwen-0"),
        autoscaler("Deployment", "qwen-0", "extensions.example.com/v1"),
        autoscaler("LLMDeployment", "qwen", "serving.example.com/v1"),
        autoscaler("ReplicationController", "qwen", "v1"),
    ],
)
def test_what_aims_at_other_kinds_is_no_concern_of_ours(raw: Raw) -> None:
    assert scaler(raw) is None


def aimed_at(kind: str, name: str) -> tuple[Scaler, ...]:
    return (Scaler("HorizontalPodAutoscaler/web", Ref(kind, name)),)


def held(raw: Raw, *sizes: int) -> Observed:
    """The newest revision's Deployment has the first size, an older one's, at which the autoscaler aims, the last."""
    old = deployment(with_spec(engine={"maxModelLen": 512}))
    raws = [raw, old][: len(sizes)]
    observed = look(raw, [fleet(each, size) for each, size in zip(raws, sizes, strict=True)])
    return replace(observed, scalers=aimed_at("Deployment", f"qwen-{revision(raws[-1])}"))


@pytest.mark.proves("F23")
@pytest.mark.parametrize(
    ("modifiers", "sizes", "expected"),
    [
        pytest.param([with_spec(replicas=2)], (5,), 5, id="more than the spec says"),
        pytest.param([with_spec(replicas=2)], (1,), 1, id="fewer"),
        pytest.param(AUTOSCALED, (9,), 9, id="beyond the bounds of our own autoscaler"),
        pytest.param([with_spec(replicas=2)], (0,), 0, id="scaled to zero"),
        pytest.param([with_status(desiredReplicas=5)], (1, 4), 5, id="a rollout takes from it what it had"),
        pytest.param([with_status(desiredReplicas=2)], (1, 4), 4, id="growth during a rollout counts"),
        pytest.param([with_spec(replicas=2)], (3, 0), 2, id="emptied by a rollout it has no hold any more"),
    ],
)
def test_a_size_that_somebody_else_holds_is_left_to_him(modifiers: list, sizes: tuple, expected: int) -> None:
    raw = deployment(*modifiers)
    assert desired_size(held(raw, *sizes), parsed(raw), NOW) == expected


@pytest.mark.proves("F23")
def test_nobody_fights_over_a_held_size() -> None:
    raw = deployment(with_spec(replicas=2))
    of = revision(raw)
    pods = [pod(of, ready(), name=f"qwen-{of}-{index}") for index in range(5)]
    observed = replace(look(raw, children(raw, 5), pods), scalers=aimed_at("Deployment", f"qwen-{of}"))
    plan = planning.plan(observed, DEFAULTS, NOW)
    assert [action for action in plan.actions if action.ref.kind == "Deployment"] == []
    assert plan.desired == 5


def said(observed: Observed) -> tuple[str, str, str]:
    found = derive(observed, planning.plan(observed, DEFAULTS, NOW), Outcomes(), NOW).conditions
    scaling = next(each for each in found if each.type == "ScalingActive")
    return scaling.status, scaling.reason, scaling.message.partition(" | ")[0]


def test_a_hold_on_the_size_is_said() -> None:
    raw = deployment(*AUTOSCALED)
    name = f"qwen-{revision(raw)}"
    assert said(held(raw, 3)) == (
        "False", "ForeignAutoscaler", f"HorizontalPodAutoscaler/web has the size of Deployment/{name}"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("modifiers", "expected"),
    [
        pytest.param(AUTOSCALED, ("True", "the size follows the load the pods report"), id="while ours works"),
        pytest.param([with_autoscaling(1, 4)], ("Unknown", "no decision yet"), id="before ours has begun"),
        pytest.param(
            [with_autoscaling(1, 4), with_decision(2, load_seen=False)],
            ("False", "too few pods report their load; the size is held"),
            id="while ours is blind",
        ),
    ],
)
def test_an_autoscaler_of_the_object_beside_ours_is_said(modifiers: list, expected: tuple[str, str]) -> None:
    raw = deployment(*modifiers)
    observed = replace(look(raw, [fleet(raw, 2)]), scalers=aimed_at("LLMDeployment", "qwen"))
    refused = "HorizontalPodAutoscaler/web aims at LLMDeployment/qwen too and is refused"
    assert said(observed) == (expected[0], "ForeignAutoscaler", f"{expected[1]}; {refused}")


def test_without_our_autoscaling_an_autoscaler_of_the_object_is_welcome() -> None:
    raw = deployment(with_spec(replicas=2))
    observed = replace(look(raw, [fleet(raw, 2)]), scalers=aimed_at("LLMDeployment", "qwen"))
    assert said(observed)[:2] == ("False", "NotConfigured")


class Listing:
    """An API server that lists these autoscalers, or fails."""

    def __init__(self, *raws: Raw, error: FleetError | None = None) -> None:
        self.raws, self.error = raws, error

    async def list(self, kind, namespace):
        if self.error:
            raise self.error
        for raw in self.raws:
            if namespace in (None, raw["metadata"]["namespace"]):
                yield raw


async def test_who_aims_at_whom_is_found_by_looking_and_only_changes_are_told() -> None:
    cache, of_object = Cache(), autoscaler("LLMDeployment", "qwen", names.API_VERSION)
    assert await scalers.look(Listing(of_object, autoscaler("StatefulSet", "web")), (), cache) == {KEY}
    assert [each.name for each in cache.scalers(KEY)] == ["HorizontalPodAutoscaler/web"]
    assert await scalers.look(Listing(of_object), (), cache) == set()
    assert await scalers.look(Listing(), ("team-b",), cache) == set()
    assert await scalers.look(Listing(), ("team-a",), cache) == {KEY}
    assert cache.scalers(KEY) == ()


async def test_without_the_right_to_look_what_was_seen_stays() -> None:
    cache = Cache()
    await scalers.look(Listing(autoscaler("Deployment", "qwen-0")), (), cache)
    assert await scalers.look(Listing(error=Refused("forbidden", 403)), (), cache) == set()
    assert cache.scalers(KEY)
    with pytest.raises(Unavailable):
        await scalers.look(Listing(error=Unavailable("503")), (), cache)


@pytest.mark.proves("F23")
async def test_our_autoscaler_rests_while_somebody_else_has_the_size_and_goes_on_from_there() -> None:
    made = FakeOperator(Simulator(deployment(with_autoscaling(1, 4))))
    await made.settle()
    await made.tick()
    of = revision(made.world.raw)
    ref = Ref("Deployment", f"qwen-{of}")
    made.cache.put_scalers({KEY: aimed_at("Deployment", ref.name)})
    made.world.objects[ref]["spec"]["replicas"] = 3
    made.world._touch(made.world.objects[ref])
    assert await made.tick() is not None
    await made.settle()
    assert (made.world.sizes(), made.world.raw["status"].get("autoscaling")) == ({of: 3}, None)
    warnings = [reason for kind, reason, _ in made.cluster.events if kind == "Warning"]
    assert warnings == [Reason.FOREIGN_AUTOSCALER]
    made.cache.put_scalers({})
    await made.tick()
    await made.settle()
    assert made.world.sizes() == {of: 3}
    assert made.world.raw["status"]["autoscaling"]["desired"] == 3
