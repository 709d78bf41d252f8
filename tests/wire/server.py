"""An HTTP server that speaks for the API server: records every request, answers as told or out of a simulator."""

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio.client import ApiClient, Configuration

from llmfleet import names
from llmfleet.core.plan import Annotate, Apply, Delete, Ref
from llmfleet.shell.cluster import UNBORN, ApiServer
from llmfleet.shell.kinds import BY_KIND, Kind
from tests.simulator import Simulator

Answer = tuple[int, Any]


@dataclass(frozen=True)
class Request:
    """One request as it came over the wire."""

    method: str
    path: str
    query: dict[str, str]
    content_type: str
    body: Any

    @property
    def kind(self) -> Kind:
        """Whose collection the path is in."""
        return next(kind for kind in BY_KIND.values() if f"/{kind.plural}" in self.path and kind.version in self.path)

    @property
    def name(self) -> str:
        after = self.path.split(f"/{self.kind.plural}", 1)[1].strip("/")
        return after.split("/", maxsplit=1)[0]

    @property
    def resource(self) -> str:
        subresource = "/status" if self.path.endswith("/status") else ""
        return f"{self.kind.plural}{subresource}"


@dataclass
class Wire:
    """The server's side: what it was asked, and what it says."""

    respond: Callable[[Request], Answer] = lambda _: (200, {})
    requests: list[Request] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    """On every answer."""

    async def handle(self, request: web.Request) -> web.Response:
        text = await request.text()
        body = json.loads(text or "null")
        seen = Request(request.method, request.path, dict(request.query), request.content_type, body)
        self.requests.append(seen)
        status, answer = self.respond(seen)
        text = answer if isinstance(answer, str) else json.dumps(answer)
        return web.Response(status=status, text=text, headers=self.headers)

    async def start(self) -> tuple[TestServer, ApiClient]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.handle)
        server = TestServer(app)
        await server.start_server()
        configuration = Configuration(host=str(server.make_url("")).rstrip("/"))
        configuration.client_session_kwargs = {"trust_env": False}
        return server, ApiClient(configuration)


class Simulated:
    """Answers out of a simulator, and keeps one Lease."""

    def __init__(self, world: Simulator) -> None:
        self.world = world
        self.lease: Any = None

    def __call__(self, request: Request) -> Answer:
        kind = request.kind.kind
        if kind == "Lease":
            return self._lease(request)
        if kind == "Event":
            return 201, {}
        ref = Ref(kind, request.name)
        answers = {"GET": self._get, "PATCH": self._patch, "DELETE": self._delete}
        return answers[request.method](request, ref)

    def _get(self, request: Request, ref: Ref) -> Answer:
        if "watch" in request.query:
            return 200, ""
        if not ref.name:
            everything = [self.world.raw, *self.world.objects.values()]
            return 200, {
                "metadata": {"resourceVersion": "1"},
                "items": [copy.deepcopy(raw) for raw in everything if raw["kind"] == ref.kind],
            }
        found = self.world.raw if ref.kind == names.KIND else self.world.objects.get(ref)
        return (200, found) if found else (404, {"message": "not found"})

    def _patch(self, request: Request, ref: Ref) -> Answer:
        if request.resource == "llmdeployments/status":
            self.world.raw = {**self.world.raw, "status": request.body["status"]}
            self.world._touch(self.world.raw)
            return 200, self.world.raw
        if ref.kind == "Pod":
            metadata = request.body["metadata"]
            self.world.act([Annotate(ref, metadata["uid"], metadata["annotations"], "")])
            return 200, {}
        version = request.body["metadata"].pop("resourceVersion", "")
        if version == UNBORN:
            if ref in self.world.objects:
                return 409, {"message": "the object has been modified"}
            version = ""
        self.world.act([Apply(ref, request.body, version, "")])
        return 200, self.world.objects[ref]

    def _delete(self, request: Request, ref: Ref) -> Answer:
        self.world.act([Delete(ref, request.body["preconditions"]["uid"], "")])
        return 200, {}

    def _lease(self, request: Request) -> Answer:
        if request.method == "GET":
            return (200, self.lease) if self.lease else (404, {"message": "not found"})
        self.lease = {**request.body, "metadata": {**request.body["metadata"], "resourceVersion": "1"}}
        return 200, self.lease


def api(client: ApiClient, check: Callable[[], None] = lambda: None) -> ApiServer:
    return ApiServer(client, check)
