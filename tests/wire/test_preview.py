"""What a preview asks of a cluster: reads and dry runs, never a Secret, and words for every refusal."""

import json
from typing import Any

import pytest

from llmfleet.core.merge import LAST_APPLIED
from llmfleet.core.preview import NEW_UID
from llmfleet.shell.cluster import ApiServer
from llmfleet.shell.errors import Conflict, FleetError, Refused, Unavailable
from llmfleet.shell.preview import next_step, online, operator_settings
from tests.builders import Raw, children, deployment, merged, pod, ready, revision, with_metadata, with_spec
from tests.wire.server import Answer, Request, Wire

TWO = deployment(with_spec(replicas=2))
FILE = {**TWO, "metadata": {"name": "qwen", "namespace": "team-a"}}
PATH = "/apis/llmfleet.io/v1alpha1/namespaces/team-a/llmdeployments/qwen"


def served(live: Raw | None, objects: list[Raw]):
    """The answers of a cluster with this object and these children and pods; a dry run merges."""

    def respond(request: Request) -> Answer:
        if request.path == PATH:
            if request.method == "GET":
                return (200, live) if live else (404, {"message": "not found"})
            uid = {"metadata": {"uid": "made-up", "generation": 1}}
            return 200, merged(live or uid, request.body)
        return 200, {"metadata": {}, "items": [each for each in objects if each["kind"] == request.kind.kind]}

    return respond


def is_harmless(request: Request) -> bool:
    return request.method == "GET" or request.query.get("dryRun") == "All"


async def test_an_object_that_is_there_is_seen_with_its_children_and_pods(api: ApiServer, wire: Wire) -> None:
    of = revision(TWO)
    wire.respond = served(TWO, [*children(TWO, 2), pod(of, ready())])
    observed, old = await online(api, FILE)
    assert (old, observed.fleets(), observed.ready()) == (TWO, {of: 2}, 1)
    assert all(is_harmless(request) for request in wire.requests)
    assert not [request for request in wire.requests if "secrets" in request.path]
    selectors = {request.query["labelSelector"] for request in wire.requests if "labelSelector" in request.query}
    assert selectors == {f"llmfleet.io/uid={TWO['metadata']['uid']}"}


async def test_a_new_object_is_applied_in_a_dry_run_and_has_no_uid(api: ApiServer, wire: Wire) -> None:
    wire.respond = served(None, [])
    observed, old = await online(api, FILE)
    assert (old, observed.raw["metadata"]["uid"]) == (None, NEW_UID)
    (applied,) = [request for request in wire.requests if request.method == "PATCH"]
    assert applied.query == {
        "dryRun": "All", "fieldValidation": "Strict", "fieldManager": "kubectl", "force": "true"
    }  # fmt: skip
    assert applied.body == FILE


@pytest.mark.parametrize(
    ("managers", "expected"),
    [
        ([], "kubectl"),
        ([{"manager": "argocd-controller", "operation": "Apply"}], "argocd-controller"),
        ([{"manager": "llmfleet-status", "operation": "Apply", "subresource": "status"}], "kubectl"),
        ([{"manager": "edit", "operation": "Update"}], "kubectl"),
    ],
)
async def test_whoever_applied_before_is_who_applies_in_the_dry_run(
    api: ApiServer, wire: Wire, managers: list, expected: str
) -> None:
    wire.respond = served(merged(TWO, {"metadata": {"managedFields": managers}}), [])
    await online(api, FILE)
    assert [request.query["fieldManager"] for request in wire.requests if request.method == "PATCH"] == [expected]


async def test_an_object_of_client_side_apply_is_merged_as_kubectl_would(api: ApiServer, wire: Wire) -> None:
    last = {"spec": {**TWO["spec"], "engine": {"maxModelLen": 512}}}
    live = deployment(
        with_spec(replicas=4, engine={"maxModelLen": 512}), with_metadata(annotations={LAST_APPLIED: json.dumps(last)})
    )
    wire.respond = served(live, [])
    await online(api, FILE)
    (put,) = [request for request in wire.requests if request.method == "PUT"]
    assert put.body["spec"] == {**TWO["spec"], "replicas": 2}
    assert put.body["metadata"]["resourceVersion"] == live["metadata"]["resourceVersion"]
    assert put.query["dryRun"] == "All"


NODE = {"metadata": {"name": "n"}, "spec": {}, "status": {"allocatable": {"nvidia.com/gpu": "4", "pods": "9"},
        "conditions": [{"type": "Ready", "status": "True"}]}}  # fmt: skip


@pytest.mark.parametrize(("nodes", "knows"), [((200, {"metadata": {}, "items": [NODE]}), True), ((403, {}), False)])
async def test_room_is_read_for_a_rollout_where_it_may_be(
    api: ApiServer, wire: Wire, nodes: Answer, *, knows: bool
) -> None:
    usual = served(TWO, [*children(TWO, 2), pod(revision(TWO), ready())])
    wire.respond = lambda request: nodes if request.path == "/api/v1/nodes" else usual(request)
    observed, _ = await online(api, merged(FILE, {"spec": {"engine": {"maxModelLen": 512}}}))
    assert (observed.capacity is not None) is knows


def an_operator(*env: dict[str, Any]) -> Raw:
    containers = [{"name": "proxy", "env": []}, {"name": "operator", "env": list(env)}]
    return {
        "kind": "Deployment",
        "metadata": {"name": "llmfleet"},
        "spec": {"template": {"spec": {"containers": containers}}},
    }


async def test_the_operators_settings_are_those_of_its_deployment(api: ApiServer, wire: Wire) -> None:
    found = an_operator(
        {"name": "LLMFLEET_IMAGE_NVIDIA", "value": "mine:7"},
        {"name": "LLMFLEET_NAMESPACE", "valueFrom": {}},
        {"name": "LLMFLEET_OF_TOMORROW", "value": "x"},
        {"name": "TZ", "value": "UTC"},
    )
    wire.respond = lambda _: (200, {"metadata": {}, "items": [found]})
    settings = await operator_settings(api, "fleet-system")
    assert settings
    assert (settings.image_nvidia, settings.namespace) == ("mine:7", "fleet-system")
    assert wire.requests[0].path == "/apis/apps/v1/namespaces/fleet-system/deployments"


@pytest.mark.parametrize("answer", [(403, {"message": "forbidden"}), (200, {"metadata": {}, "items": []})])
async def test_an_operator_that_cannot_be_seen_has_no_settings(api: ApiServer, wire: Wire, answer: Answer) -> None:
    wire.respond = lambda _: answer
    assert await operator_settings(api, "fleet-system") is None


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Refused("forbidden", 403), "needs create, patch and update of llmdeployments"),
        (Refused("namespaces not found", 404), "create the namespace and install the CRD"),
        (Refused("spec.replicas: Invalid value", 422), "correct the file"),
        (Refused("no cluster"), "KUBECONFIG"),
        (Unavailable("refused"), "KUBECONFIG"),
        (Conflict("changed"), "run the command again"),
    ],
)
def test_every_refusal_has_a_next_step(error: FleetError, words: str) -> None:
    assert words in next_step(error)
