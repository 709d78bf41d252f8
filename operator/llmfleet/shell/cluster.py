"""The API server; the only module that imports kubernetes."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import aiohttp
import orjson
from aiohttp import ClientTimeout
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config
from yarl import URL

from llmfleet import names
from llmfleet.core.plan import Ref
from llmfleet.core.world import Raw, owner_uid
from llmfleet.shell.errors import Conflict, Refused, Unavailable, refusal
from llmfleet.shell.kinds import BY_KIND, EVENT, OWN, POD, Kind
from llmfleet.shell.ports import Key
from llmfleet.shell.wire import event, watched

JSON = "application/json"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
REQUEST_TIMEOUT = ClientTimeout(total=30)
CONNECT_SECONDS = 5
WATCH_SECONDS = 300
PAGE_SIZE = 100
UNBORN = "1"
"""Version that no object ever has, etcd's first write being revision 2: an apply of it creates or is a conflict."""
PORT_FORWARD_PROTOCOL = "v4.channel.k8s.io"


async def api_client(context: str | None = None) -> ApiClient:
    """A client for the cluster this process runs in, else for the current kubeconfig context; or for a named one.

    Refused without any.
    """
    configuration = Configuration()
    try:
        await _load(configuration, context)
    except ConfigException as error:
        raise Refused(f"no cluster: run inside one, or set KUBECONFIG and a current context ({error})") from error
    # Without this, aiohttp reads the netrc file at every request.
    configuration.client_session_kwargs = {"trust_env": False}
    client = ApiClient(configuration)
    client.user_agent = names.CHILDREN_MANAGER
    return client


async def _load(configuration: Configuration, context: str | None) -> None:
    if context is None:
        with suppress(ConfigException):
            load_incluster_config(client_configuration=configuration)
            return
    await load_kube_config(context=context, client_configuration=configuration)


class ApiServer:
    """Requests to the API server, its answers as plain objects, its refusals as our exceptions."""

    def __init__(
        self,
        client: ApiClient,
        check_leadership: Callable[[], None] = lambda: None,
        failed: Callable[[], None] = lambda: None,
    ) -> None:
        """``check_leadership`` raises NotLeader; it is asked immediately before each write.

        ``failed`` hears of each request that the server could not answer.
        """
        self._client = client
        self._check_leadership = check_leadership
        self._failed = failed

    async def request(
        self, method: str, path: str, body: Any = None, content_type: str = JSON, **query: str
    ) -> dict[str, Any]:
        """One request; the answer's JSON. Raises FleetError."""
        answer: dict[str, Any] = orjson.loads(await self._ask(method, path, body, content_type, query))
        return answer

    async def _ask(self, method: str, path: str, body: Any, content_type: str, query: Mapping[str, str]) -> bytes:
        """One request; the answer. Raises FleetError."""
        if method != "GET":
            self._check_leadership()
        try:
            response = await self._send(method, path, query, body, content_type, REQUEST_TIMEOUT)
            text = await response.read()
            if response.status >= HTTPStatus.BAD_REQUEST:
                raise refusal(response.status, text, response.headers)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            self._failed()
            raise Unavailable(f"{method} {path}: {error!r}") from error
        except Unavailable:
            self._failed()
            raise
        return text

    async def _send(
        self, method: str, path: str, query: Mapping[str, str], body: Any, content_type: str, limits: ClientTimeout
    ) -> aiohttp.ClientResponse:
        """The library finds the cluster and signs us in; its way to send would copy a body member by member."""
        configuration, headers = self._client.configuration, {**self._client.default_headers, "Accept": JSON}
        token = await configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
        if token:
            headers["Authorization"] = token
        if body is not None:
            headers["Content-Type"] = content_type
        return await self._session().request(
            method,
            # Names that the server took need no quoting, which would look at each character.
            URL(f"{configuration.host}{path}?{urlencode(query)}", encoded=True),
            data=None if body is None else orjson.dumps(body),
            headers=headers,
            timeout=limits,
            proxy=configuration.proxy,
            proxy_headers=configuration.proxy_headers,
            server_hostname=configuration.tls_server_name,
        )

    def _session(self) -> aiohttp.ClientSession:
        """The library's own, with the cluster's certificates."""
        rest = self._client.rest_client
        if rest.pool_manager is None:
            rest.pool_manager = rest._create_pool_manager()  # noqa: SLF001 because its own WsApiClient does the same
        session: aiohttp.ClientSession = rest.pool_manager
        return session

    async def pages(self, kind: Kind, namespace: str | None, selector: str = "") -> AsyncIterator[dict[str, Any]]:
        """A listing's pages; the last one's resourceVersion is where a watch goes on."""
        query = {"limit": str(PAGE_SIZE)} | ({"labelSelector": selector} if selector else {})
        while True:
            page = await self.request("GET", kind.path(namespace), **query)
            for item in page["items"] or ():
                item.update(apiVersion=kind.api_version, kind=kind.kind)
            yield page
            token = page["metadata"].get("continue")
            if not token:
                return
            query["continue"] = token

    async def list(self, kind: Kind, namespace: str | None, selector: str = "") -> AsyncIterator[dict[str, Any]]:
        """All objects of a kind."""
        async for page in self.pages(kind, namespace, selector):
            for item in page["items"] or ():
                yield item

    async def watch(
        self, kind: Kind, namespace: str | None, selector: str, version: str, silence_seconds: float
    ) -> AsyncIterator[dict[str, Any]]:
        """Events since ``version`` as the server writes them, until it ends the stream or is silent for so long."""
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "labelSelector": selector,
            "resourceVersion": version,
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        path = kind.path(namespace)
        limits = ClientTimeout(sock_connect=CONNECT_SECONDS, sock_read=silence_seconds)
        try:
            answer = await self._send("GET", path, query, None, JSON, limits)
            async with answer:
                if answer.status >= HTTPStatus.BAD_REQUEST:
                    raise refusal(answer.status, await answer.read(), answer.headers)
                while line := await answer.content.readline():
                    yield event(kind.kind, line)
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise Unavailable(f"watch {path}: {error!r}") from error

    @asynccontextmanager
    async def port_forward(self, namespace: str, pod: str, port: int) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """A port of a pod, as a WebSocket whose messages begin with their channel. Raises FleetError."""
        path = POD.path(namespace, pod, "portforward")
        _, url, headers, _, _ = await self._client.param_serialize(
            "GET", path, query_params=[("ports", str(port))], auth_settings=["BearerToken"]
        )
        proxy = self._client.configuration.proxy
        options: dict[str, Any] = {"proxy": proxy, "headers": headers, "protocols": [PORT_FORWARD_PROTOCOL]}
        try:
            socket = await self._session().ws_connect(url, **options)
        except aiohttp.WSServerHandshakeError as error:
            raise Refused(f"port-forward to pod {namespace}/{pod}: {error.message}", error.status) from error
        async with socket:
            yield socket

    async def get(self, kind: Kind, namespace: str, name: str) -> dict[str, Any] | None:
        """One object, or None."""
        try:
            return await self.request("GET", kind.path(namespace, name))
        except Refused as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    async def apply(self, namespace: str, manifest: Mapping[str, Any], resource_version: str) -> Raw:
        """See ``ports.Cluster``."""
        try:
            return await self._apply(namespace, manifest, resource_version or UNBORN)
        except Conflict:
            if resource_version:
                raise
        return await self._apply(namespace, manifest, await self._version_of_ours(namespace, manifest))

    async def _apply(self, namespace: str, manifest: Mapping[str, Any], version: str) -> Raw:
        kind, metadata = BY_KIND[manifest["kind"]], manifest["metadata"]
        body = {**manifest, "metadata": {**metadata, "resourceVersion": version}}
        return await self._applied(kind, kind.path(namespace, metadata["name"]), body, names.CHILDREN_MANAGER)

    async def _applied(self, kind: Kind, path: str, body: Any, manager: str) -> Raw:
        query = {"fieldManager": manager, "force": "true"}
        return watched(kind.kind, await self._ask("PATCH", path, body, APPLY, query))

    async def _version_of_ours(self, namespace: str, manifest: Mapping[str, Any]) -> str:
        """Version of a child that was thought not to exist; UNBORN when it does not. NameTaken when it is foreign."""
        kind, name = BY_KIND[manifest["kind"]], manifest["metadata"]["name"]
        existing = await self.get(kind, namespace, name)
        if existing is None:
            # An apply without a version would take over whatever has the name by then.
            return UNBORN
        if owner_uid(existing) != owner_uid(manifest):
            raise NameTaken(f"{kind.kind} {name} exists and is not owned by this LLMDeployment")
        return str(existing["metadata"]["resourceVersion"])

    async def lives(self, owner: Raw) -> bool:
        """See ``ports.Cluster``."""
        seen = owner["metadata"]
        found = (await self.get(OWN, seen["namespace"], seen["name"]) or {}).get("metadata", {})
        return found.get("uid") == seen["uid"] and "deletionTimestamp" not in found

    async def annotate(self, namespace: str, ref: Ref, uid: str, annotations: Mapping[str, str]) -> None:
        """See ``ports.Cluster``."""
        body = {"metadata": {"uid": uid, "annotations": dict(annotations)}}
        query = {"fieldManager": names.CHILDREN_MANAGER}
        try:
            await self.request("PATCH", BY_KIND[ref.kind].path(namespace, ref.name), body, MERGE, **query)
        except Refused as error:
            # A pod that is gone needs no mark. Another of its name: the UID is an edit of what cannot change.
            if error.status != HTTPStatus.NOT_FOUND and "metadata.uid" not in str(error):
                raise

    async def delete(self, namespace: str, ref: Ref, uid: str) -> None:
        """See ``ports.Cluster``."""
        body = {"propagationPolicy": "Background", "preconditions": {"uid": uid}}
        try:
            await self.request("DELETE", BY_KIND[ref.kind].path(namespace, ref.name), body)
        except Refused as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise

    async def apply_status(self, key: Key, resource_version: str, status: Mapping[str, Any], manager: str) -> Raw:
        """See ``ports.Cluster``."""
        # The version and not the UID: the server ignores a UID here, and the name may have been born again.
        metadata = {"name": key.name, "namespace": key.namespace, "resourceVersion": resource_version}
        body = {"apiVersion": names.API_VERSION, "kind": names.KIND, "metadata": metadata, "status": status}
        return await self._applied(OWN, OWN.path(key.namespace, key.name, "status"), body, manager)

    async def post_event(self, about: Raw, kind: str, reason: str, message: str) -> None:
        """See ``ports.Cluster``."""
        metadata = about["metadata"]
        now = about["now"]
        body = {
            "metadata": {"generateName": f"{metadata['name']}.", "namespace": metadata["namespace"]},
            "involvedObject": {
                "apiVersion": names.API_VERSION,
                "kind": names.KIND,
                "name": metadata["name"],
                "namespace": metadata["namespace"],
                "uid": metadata["uid"],
            },
            "type": kind,
            "reason": reason,
            "message": message[:1024],
            "source": {"component": names.EVENT_COMPONENT},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
        await self.request("POST", EVENT.path(metadata["namespace"]), body)


class NameTaken(Refused):
    """An object of a needed name belongs to somebody else."""
