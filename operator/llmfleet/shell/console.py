"""The Lease holder's listener on loopback: what people reach by a port-forward, under their own rights.

It asks nobody for a token: who may open a port-forward to this pod is for the cluster's RBAC to say. A browser cannot
be made to call it, because calls are JSON.
"""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from llmfleet.core.explain.account import Account
from llmfleet.shell.errors import FleetError, Refused
from llmfleet.shell.ports import Key

HOST = "127.0.0.1"
WAKE_PATH = "/v1/namespaces/{namespace}/llmdeployments/{name}/wake"
ACCOUNT_PATH = "/v1/namespaces/{namespace}/llmdeployments/{name}/account"
LONGEST_SECONDS = 7 * 86_400
MOST_BYTES = 4096
JSON = "application/json"


class WakeCall(BaseModel):
    """What a call to wake asks for."""

    model_config = ConfigDict(extra="forbid")

    replicas: Annotated[int, Field(ge=1, le=1000)] = 1


class AccountCall(BaseModel):
    """For how long an account is asked."""

    model_config = ConfigDict(extra="forbid")

    seconds: Annotated[float, Field(gt=0, le=LONGEST_SECONDS)] = 3600.0


class Woken(BaseModel):
    """What came of it."""

    before: int
    """Replicas wanted before the call."""
    replicas: int
    """Replicas wanted since."""
    reason: str
    message: str


Wake = Callable[[Key, int], Awaitable[Woken]]
"""Have at least so many replicas; FleetError when that cannot be."""


Explain = Callable[[Key, float], Account]
"""What is known of a fleet's last so many seconds; FleetError when there is nothing."""


async def serve(port: int, wake: Wake, explain: Explain) -> web.AppRunner:
    """Start answering; the caller cleans the runner up. OSError when the port is taken."""

    async def answer_wake(request: web.Request) -> web.Response:
        if request.content_type != JSON:
            return _told(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Content-Type must be {JSON}")
        try:
            call = WakeCall.model_validate_json(await request.read() or b"{}")
            woken = await wake(_key(request), call.replicas)
        except ValidationError as error:
            return _told(HTTPStatus.BAD_REQUEST, "; ".join(map(_field, error.errors())))
        except FleetError as error:
            return _told(_status(error), str(error))
        return web.Response(text=woken.model_dump_json(), content_type=JSON)

    async def answer_account(request: web.Request) -> web.Response:
        try:
            query = AccountCall.model_validate(dict(request.query))
            found = explain(_key(request), query.seconds)
        except ValidationError as error:
            return _told(HTTPStatus.BAD_REQUEST, "; ".join(map(_field, error.errors())))
        except FleetError as error:
            return _told(_status(error), str(error))
        return web.Response(text=found.model_dump_json(by_alias=True, exclude_none=True), content_type=JSON)

    app = web.Application(client_max_size=MOST_BYTES)
    app.add_routes([web.post(WAKE_PATH, answer_wake), web.get(ACCOUNT_PATH, answer_account)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, HOST, port).start()
    return runner


def _key(request: web.Request) -> Key:
    return Key(request.match_info["namespace"], request.match_info["name"])


def _field(error: object) -> str:
    found = dict(error)  # type: ignore[call-overload]  # because pydantic's ErrorDetails is a mapping
    return f"{'.'.join(map(str, found['loc'])) or 'body'}: {found['msg']} (value: {str(found['input'])[:80]})"


def _status(error: FleetError) -> HTTPStatus:
    if isinstance(error, Refused):
        return HTTPStatus(error.status or HTTPStatus.CONFLICT)
    return HTTPStatus.SERVICE_UNAVAILABLE


def _told(status: HTTPStatus, message: str) -> web.Response:
    return web.json_response({"message": message}, status=status)
