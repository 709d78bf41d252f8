"""What rivals ask for the load: an adapter of external metrics for the HPA, a Prometheus' answers for KEDA."""

import math
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from .feed import Feed

GROUP, VERSION = "external.metrics.k8s.io", "v1beta1"
PATH = f"/apis/{GROUP}/{VERSION}"
QUERY_PATH = "/api/v1/query"


@asynccontextmanager
async def serving(feed: Feed, certificate: Path, key: Path) -> AsyncIterator[int]:
    """Answer on loopback; the port."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    runner = web.AppRunner(_application(feed), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


def _application(feed: Feed) -> web.Application:
    async def resources(_: web.Request) -> web.Response:
        head = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": f"{GROUP}/{VERSION}"}
        return web.json_response({**head, "resources": [_resource(name) for name in feed.looks]})

    async def value(request: web.Request) -> web.Response:
        return web.json_response(_values(feed, _known(feed, request.match_info["metric"])))

    async def query(request: web.Request) -> web.Response:
        return web.json_response(_vector(feed, _known(feed, request.query["query"])))

    app = web.Application()
    app.router.add_get(PATH, resources)
    app.router.add_get(f"{PATH}/namespaces/{{namespace}}/{{metric}}", value)
    app.router.add_get(QUERY_PATH, query)
    return app


def _known(feed: Feed, name: str) -> str:
    if name not in feed:
        raise web.HTTPNotFound(text=f"no series {name}")
    return name


def _resource(name: str) -> dict[str, Any]:
    return {"name": name, "singularName": "", "namespaced": True, "kind": "ExternalMetricValueList", "verbs": ["get"]}


def _values(feed: Feed, name: str) -> dict[str, Any]:
    """As the HPA has it; none is an empty list."""
    value = feed.ask(name)
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    item = (
        {"metricName": name, "metricLabels": {}, "value": f"{value:g}", "timestamp": stamp} if value is not None else {}
    )
    head = {"kind": "ExternalMetricValueList", "apiVersion": f"{GROUP}/{VERSION}", "metadata": {}}
    return {**head, "items": [item] if item else []}


def _vector(feed: Feed, name: str) -> dict[str, Any]:
    """As Prometheus has it; none is by turns an empty vector and no number."""
    value = feed.ask(name)
    told = math.nan if value is None else value
    is_empty = value is None and len(feed.looks[name]) % 2 == 0
    result = [] if is_empty else [{"metric": {}, "value": [time.time(), str(told)]}]
    return {"status": "success", "data": {"resultType": "vector", "result": result}}
