"""What the shell says to the API server, word for word, and how it takes the answers."""

import contextlib
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
from kubernetes.aio.client import ApiClient, Configuration

from llmfleet.core.plan import Ref
from llmfleet.shell.cluster import ApiServer, NameTaken
from llmfleet.shell.errors import Conflict, FleetError, NotLeader, Refused, Unavailable
from llmfleet.shell.held import Held
from llmfleet.shell.kinds import BY_KIND
from llmfleet.shell.ports import Key
from tests.builders import NOW, UID, children, deployment, merged
from tests.wire.server import Request, Wire

OWN = deployment()
SERVICE = next(each for each in children(OWN) if each["kind"] == "Service")
OURS = ("name", "namespace", "labels", "annotations", "ownerReferences")
MANIFEST = {**SERVICE, "metadata": {key: value for key, value in SERVICE["metadata"].items() if key in OURS}}
PATH = "/api/v1/namespaces/team-a/services/qwen"
FORCED = {"fieldManager": "llmfleet", "force": "true"}
KEY = Key("team-a", "qwen")
Call = Callable[[ApiServer], Awaitable[object]]

WRITES: dict[str, Call] = {
    "apply": lambda api: api.apply("team-a", MANIFEST, "7"),
    "annotate": lambda api: api.annotate("team-a", Ref("Pod", "p"), "uid", {"a": "b"}),
    "delete": lambda api: api.delete("team-a", Ref("Service", "qwen"), "uid"),
    "apply_status": lambda api: api.apply_status(KEY, "7", {"replicas": 1}, "llmfleet-status"),
    "post_event": lambda api: api.post_event({**OWN, "now": NOW}, "Normal", "Why", "because"),
}


async def test_a_known_child_is_applied_on_the_version_it_was_decided_on(api: ApiServer, wire: Wire) -> None:
    wire.respond = lambda _: (200, SERVICE)
    assert Held.of(await api.apply("team-a", MANIFEST, "7")).raw == SERVICE
    (request,) = wire.requests
    assert (request.method, request.path, request.query) == ("PATCH", PATH, FORCED)
    assert request.content_type == "application/apply-patch+yaml"
    assert request.body == {**MANIFEST, "metadata": {**MANIFEST["metadata"], "resourceVersion": "7"}}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ((200, OWN), True),
        ((200, merged(OWN, {"metadata": {"uid": "another"}})), False),
        ((200, merged(OWN, {"metadata": {"deletionTimestamp": NOW}})), False),
        ((404, {"message": "not found"}), False),
    ],
    ids=["there", "born again", "deleting", "gone"],
)
async def test_whether_an_owner_lives_is_asked_of_the_server(
    api: ApiServer, wire: Wire, answer: tuple, expected
) -> None:
    wire.respond = lambda _: answer
    assert await api.lives(OWN) == expected
    assert [request.method for request in wire.requests] == ["GET"]


AS_SEEN = {**MANIFEST, "metadata": {**MANIFEST["metadata"], "resourceVersion": "9"}}


UNBORN = {**MANIFEST, "metadata": {**MANIFEST["metadata"], "resourceVersion": "1"}}
TAKEN = 409, {"message": "the object has been modified"}


def where(existing: tuple, request: Request) -> tuple:
    """A server on which something has, or has had, the name."""
    if request.method == "GET":
        return existing
    return TAKEN if request.body == UNBORN else (200, SERVICE)


async def test_a_new_child_is_applied_as_one_that_is_not_there(api: ApiServer, wire: Wire) -> None:
    wire.respond = lambda _: (201, SERVICE)
    assert Held.of(await api.apply("team-a", MANIFEST, "")).raw == SERVICE
    assert [request.body for request in wire.requests] == [UNBORN]


async def test_a_new_child_that_is_there_already_is_applied_on_the_version_it_has(api: ApiServer, wire: Wire) -> None:
    wire.respond = partial(where, (200, AS_SEEN))
    await api.apply("team-a", MANIFEST, "")
    assert [request.body for request in wire.requests] == [UNBORN, None, AS_SEEN]


@pytest.mark.proves("R14")
@pytest.mark.parametrize("is_free", [True, False], ids=["free", "a stranger's"])
async def test_a_name_that_was_given_up_meanwhile_is_taken_only_while_nobody_has_it(
    api: ApiServer,
    wire: Wire,
    is_free: bool,  # noqa: FBT001 because parametrize gives it
) -> None:
    answers = iter([TAKEN, (404, {"message": "not found"}), (201, SERVICE) if is_free else TAKEN])
    wire.respond = lambda _: next(answers)
    with contextlib.nullcontext() if is_free else pytest.raises(Conflict):
        await api.apply("team-a", MANIFEST, "")
    assert [request.body for request in wire.requests] == [UNBORN, None, UNBORN]


async def test_a_child_that_changed_meanwhile_is_not_written(api: ApiServer, wire: Wire) -> None:
    wire.respond = lambda _: TAKEN
    with pytest.raises(Conflict):
        await api.apply("team-a", MANIFEST, "7")
    assert len(wire.requests) == 1


@pytest.mark.proves("R06", "R17")
async def test_a_manifest_of_a_forerunner_is_not_written_onto_the_newborns_child(api: ApiServer, wire: Wire) -> None:
    newborn = merged(AS_SEEN, {"metadata": {"ownerReferences": [{"uid": "newborn", "controller": True}]}})
    wire.respond = partial(where, (200, newborn))
    with pytest.raises(NameTaken):
        await api.apply("team-a", MANIFEST, "")


@pytest.mark.proves("R14", "S83")
@pytest.mark.parametrize("owners", [[], [{"uid": "other", "controller": True}], [{"uid": UID}]])
async def test_a_foreign_child_of_the_name_is_not_written(api: ApiServer, wire: Wire, owners: list) -> None:
    wire.respond = partial(where, (200, {"metadata": {"ownerReferences": owners}}))
    with pytest.raises(NameTaken, match="Service qwen"):
        await api.apply("team-a", MANIFEST, "")
    assert [request.body for request in wire.requests] == [UNBORN, None]


async def test_annotations_are_merged_into_exactly_the_pod_looked_at(api: ApiServer, wire: Wire) -> None:
    await api.annotate("team-a", Ref("Pod", "p"), "uid-1", {"a": "b"})
    (request,) = wire.requests
    assert (request.method, request.path) == ("PATCH", "/api/v1/namespaces/team-a/pods/p")
    assert (request.content_type, request.query) == ("application/merge-patch+json", {"fieldManager": "llmfleet"})
    assert request.body == {"metadata": {"uid": "uid-1", "annotations": {"a": "b"}}}


async def test_a_pod_of_another_uid_under_the_name_gets_no_mark_and_costs_no_complaint(
    api: ApiServer, wire: Wire
) -> None:
    told = 'Pod "p" is invalid: metadata.uid: Invalid value: "uid": field is immutable'
    wire.respond = lambda _: (422, {"message": told})
    await WRITES["annotate"](api)


async def test_an_annotation_that_the_server_finds_invalid_is_complained_of(api: ApiServer, wire: Wire) -> None:
    wire.respond = lambda _: (422, {"message": 'Pod "p" is invalid: metadata.annotations: Invalid value: "a b"'})
    with pytest.raises(Refused, match=r"metadata\.annotations"):
        await WRITES["annotate"](api)


async def test_exactly_the_object_looked_at_is_deleted(api: ApiServer, wire: Wire) -> None:
    await api.delete("team-a", Ref("Service", "qwen"), "uid-1")
    (request,) = wire.requests
    assert (request.method, request.path) == ("DELETE", PATH)
    assert request.body == {"propagationPolicy": "Background", "preconditions": {"uid": "uid-1"}}


@pytest.mark.parametrize("write", ["annotate", "delete"])
async def test_what_is_gone_already_is_fine(api: ApiServer, wire: Wire, write: str) -> None:
    wire.respond = lambda _: (404, {"message": "not found"})
    await WRITES[write](api)


@pytest.mark.parametrize("manager", ["llmfleet-status", "llmfleet-autoscaler"])
async def test_status_goes_to_the_subresource_under_its_own_manager(api: ApiServer, wire: Wire, manager: str) -> None:
    await api.apply_status(KEY, "7", {"replicas": 1}, manager)
    (request,) = wire.requests
    assert request.path == "/apis/llmfleet.io/v1alpha1/namespaces/team-a/llmdeployments/qwen/status"
    assert (request.method, request.content_type) == ("PATCH", "application/apply-patch+yaml")
    assert request.query == {"fieldManager": manager, "force": "true"}
    assert request.body == {
        "apiVersion": "llmfleet.io/v1alpha1",
        "kind": "LLMDeployment",
        "metadata": {"name": "qwen", "namespace": "team-a", "resourceVersion": "7"},
        "status": {"replicas": 1},
    }


async def test_an_event_names_its_object_and_is_bounded(api: ApiServer, wire: Wire) -> None:
    await api.post_event({**OWN, "now": NOW}, "Warning", "NameTaken", "x" * 5000)
    (request,) = wire.requests
    assert (request.method, request.path) == ("POST", "/api/v1/namespaces/team-a/events")
    assert request.body["involvedObject"] == {
        "apiVersion": "llmfleet.io/v1alpha1", "kind": "LLMDeployment", "name": "qwen", "namespace": "team-a", "uid": UID
    }  # fmt: skip
    assert (request.body["type"], request.body["reason"]) == ("Warning", "NameTaken")
    assert len(request.body["message"]) == 1024


async def test_a_listing_comes_in_pages_with_kind_and_selector(api: ApiServer, wire: Wire) -> None:
    pages = {
        "": {"items": [{"metadata": {"name": "a"}}], "metadata": {"continue": "next"}},
        "next": {"items": [{"metadata": {"name": "b"}}], "metadata": {"continue": "last"}},
        "last": {"items": None, "metadata": {}},
    }
    wire.respond = lambda request: (200, pages[request.query.get("continue", "")])
    found = [raw async for raw in api.list(BY_KIND["Deployment"], None, "x=y")]
    assert [(raw["kind"], raw["apiVersion"], raw["metadata"]["name"]) for raw in found] == [
        ("Deployment", "apps/v1", "a"), ("Deployment", "apps/v1", "b")
    ]  # fmt: skip
    assert {request.path for request in wire.requests} == {"/apis/apps/v1/deployments"}
    assert {request.query["labelSelector"] for request in wire.requests} == {"x=y"}


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, Refused),
        (403, Refused),
        (404, Refused),
        (409, Conflict),
        (422, Refused),
        (429, Unavailable),
        (500, Unavailable),
        (503, Unavailable),
        (504, Unavailable),
    ],
)
async def test_refusals_are_translated_with_the_servers_words(
    api: ApiServer, wire: Wire, status: int, error: type[FleetError]
) -> None:
    wire.respond = lambda _: (status, {"kind": "Status", "message": "the server's words"})
    with pytest.raises(error, match="the server's words"):
        await api.apply("team-a", MANIFEST, "7")


@pytest.mark.parametrize("text", ["<html>Bad Gateway</html>", "", "null", '"words"'])
async def test_a_refusal_that_is_no_json_is_still_translated(api: ApiServer, wire: Wire, text: str) -> None:
    wire.respond = lambda _: (502, text)
    with pytest.raises(Unavailable, match="502"):
        await api.apply("team-a", MANIFEST, "7")


@pytest.mark.proves("R21", "F11")
@pytest.mark.parametrize(("said", "seconds"), [("30", 30), ("", 0), ("Sat, 21 Nov 2026 12:00:00 GMT", 0), ("-1", 0)])
async def test_when_to_come_again_is_kept(api: ApiServer, wire: Wire, said: str, seconds: float) -> None:
    wire.respond, wire.headers = lambda _: (429, {"message": "too many"}), {"Retry-After": said}
    with pytest.raises(Unavailable) as caught:
        await api.get(BY_KIND["Service"], "team-a", "qwen")
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize(("status", "expected"), [(200, 0), (404, 0), (409, 0), (429, 1), (500, 1), (503, 1)])
async def test_what_the_server_could_not_answer_is_counted(
    client: ApiClient, wire: Wire, status: int, expected: int
) -> None:
    counted: list[int] = []
    wire.respond = lambda _: (status, {})
    with contextlib.suppress(FleetError):
        await ApiServer(client, failed=lambda: counted.append(1)).request("GET", "/api/v1/pods")
    assert len(counted) == expected


async def test_a_server_that_cannot_be_reached_is_unavailable() -> None:
    client = ApiClient(Configuration(host="http://127.0.0.1:9"))
    try:
        with pytest.raises(Unavailable):
            await ApiServer(client).get(BY_KIND["Service"], "team-a", "qwen")
    finally:
        await client.close()


@pytest.mark.proves("R26")
@pytest.mark.parametrize("write", sorted(WRITES))
async def test_nothing_is_written_without_leadership(client: ApiClient, wire: Wire, write: str) -> None:
    def not_leader() -> None:
        raise NotLeader("lost")

    with pytest.raises(NotLeader):
        await WRITES[write](ApiServer(client, not_leader))
    assert wire.requests == []


@pytest.mark.parametrize("write", sorted(WRITES))
async def test_leadership_is_asked_once_for_each_write(client: ApiClient, wire: Wire, write: str) -> None:
    asked: list[int] = []
    await WRITES[write](ApiServer(client, lambda: asked.append(1)))
    assert len(asked) == len(wire.requests) == 1


async def test_reading_needs_no_leadership(client: ApiClient, wire: Wire) -> None:
    def not_leader() -> None:
        raise NotLeader("lost")

    assert await ApiServer(client, not_leader).get(BY_KIND["Service"], "team-a", "qwen") == {}
