"""The rights that the chart grants are those that the operator uses, no more, no less."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import kopf
import pytest
import yaml
from kubernetes.aio.client import ApiClient

from llmfleet.shell import scalers, watch
from llmfleet.shell.capacity import NodeCapacity
from llmfleet.shell.cluster import UNBORN, ApiServer
from llmfleet.shell.kinds import CHILDREN, OWN, POD
from llmfleet.shell.lease import Lease
from llmfleet.shell.reconcile import Reconciler
from llmfleet.shell.reflector import Reflector
from llmfleet.shell.telemetry import Events
from tests.builders import deployment, with_spec
from tests.fakes import FakeOperator
from tests.simulator import Simulator
from tests.wire.server import Answer, Request, Simulated, Wire

CHART = Path(__file__).parents[2] / "charts" / "llmfleet" / "templates"
Right = tuple[str, str]
VERBS = {"GET": "get", "POST": "create", "PUT": "update", "DELETE": "delete"}
FOR_OWNER_REFERENCES = ("llmdeployments/finalizers", "update")
"""Asked by an admission plugin of whoever sets blockOwnerDeletion; no request is ever sent there."""


def granted() -> set[Right]:
    text = (CHART / "_names.tpl").read_text(encoding="utf-8")
    everywhere, cluster_wide = (
        text.split(f'define "{name}" -}}}}')[1].split("{{- end }}")[0]
        for name in ("llmfleet.rules", "llmfleet.clusterRules")
    )
    of_lease = (CHART / "rbac.yaml").read_text(encoding="utf-8").split("-lease", 1)[1]
    leases = of_lease.split("rules:\n")[1].split("---")[0]
    rules = [*yaml.safe_load(everywhere), *yaml.safe_load(cluster_wide), *yaml.safe_load(leases)]
    return {(resource, verb) for rule in rules for resource in rule["resources"] for verb in rule["verbs"]}


def asked(wire: Wire) -> set[Right]:
    """Server-side apply needs two rights, since it makes what is not there."""
    found: set[Right] = set()
    for request in wire.requests:
        if request.method == "PATCH":
            makes = request.content_type.startswith("application/apply") and "/" not in request.resource
            found |= {(request.resource, verb) for verb in ("patch", "create")[: 1 + makes]}
        elif request.method == "GET" and not request.name:
            found.add((request.resource, "watch" if "watch" in request.query else "list"))
        else:
            found.add((request.resource, VERBS[request.method]))
    return found


def watched() -> set[Right]:
    """What kopf lists and watches for us."""
    registry = kopf.OperatorRegistry()
    watch.register(registry, lambda *_: None, lambda _: None)
    selectors = [handler.selector for handler in registry._watching.get_all_handlers()]
    plurals = {selector.any_name or selector.plural for selector in selectors}
    return {(str(plural), verb) for plural in plurals for verb in ("list", "watch")}


async def a_whole_life(client: ApiClient, world: Simulator) -> None:
    """Made, rolled, its drain time and access changed, shrunk to one: every rule of the fleet has acted."""
    api = ApiServer(client)
    lease = Lease(ApiServer(client), "system", "me", 3)
    await lease.acquire()
    await lease._try()
    fake = FakeOperator(world)
    events = Events(api, fake.clock.rfc3339)
    reconciler = Reconciler(
        cache=fake.cache, cluster=api, pods=fake.pods, room=NodeCapacity(api, fake.clock, is_cluster_wide=True),
        clock=fake.clock, defaults=fake.reconciler.defaults,
        metrics=fake.metrics, events=events, turns=fake.reconciler.turns,
    )  # fmt: skip
    curious = replace(reconciler, defaults=replace(reconciler.defaults, inspection_timeout_seconds=60.0))
    for uri in ("hf://a/b", "hf://a/c"):
        world.edit(model={"uri": uri})
        fake.see()
        await curious.reconcile(fake.key)
    for edit in (
        {},
        {"engine": {"maxModelLen": 512}},
        {"lifecycle": {"drainTimeoutSeconds": 5}, "access": {"from": []}},
        {"replicas": 1, "access": None},
    ):
        world.edit(**edit)
        for _ in range(14):
            fake.see()
            await reconciler.reconcile(fake.key)
            world.step()
    for length in (600, 700, 800):
        world.edit(engine={"maxModelLen": length})
        for _ in range(14):
            fake.see()
            await reconciler.reconcile(fake.key)
            world.step()
    for kind in (*CHILDREN, POD):
        await Reflector(api, fake.cache, kind, None, 1.0)._once()
    assert [raw["kind"] async for raw in api.list(OWN, None)] == [OWN.kind]
    await scalers.look(api, (), fake.cache)
    await lease.release()


def hasty(answer: Callable[[Request], Answer]) -> Callable[[Request], Answer]:
    """A server on which each new name is taken once, so that the operator looks who has it, and is free by then."""
    taken: set[str] = set()

    def respond(request: Request) -> Answer:
        is_apply = request.method == "PATCH" and not request.path.endswith("/status")
        is_new = is_apply and request.body["metadata"].get("resourceVersion") == UNBORN
        if is_new and request.path not in taken:
            taken.add(request.path)
            return 409, {"message": "the object has been modified"}
        return answer(request)

    return respond


@pytest.mark.proves("R66")
async def test_the_chart_grants_what_is_used_and_nothing_else(client: ApiClient, wire: Wire) -> None:
    world = Simulator(deployment(with_spec(replicas=2)))
    wire.respond = hasty(Simulated(world))
    await a_whole_life(client, world)
    used = asked(wire) | watched() | {FOR_OWNER_REFERENCES}
    assert {"never used": granted() - used, "not granted": used - granted()} == {
        "never used": set(),
        "not granted": set(),
    }


@pytest.mark.proves("R46")
async def test_only_the_status_of_the_object_is_ever_written(client: ApiClient, wire: Wire) -> None:
    world = Simulator(deployment(with_spec(replicas=2)))
    wire.respond = Simulated(world)
    await a_whole_life(client, world)
    of_object = {request.resource for request in wire.requests if request.kind.kind == "LLMDeployment"}
    assert of_object == {"llmdeployments", "llmdeployments/status"}
    assert {request.method for request in wire.requests if request.resource == "llmdeployments"} == {"GET"}
