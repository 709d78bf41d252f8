"""``/livez``, ``/readyz`` and ``/metrics`` of the operator itself."""

from collections.abc import Awaitable, Callable

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

Handler = Callable[[web.Request], Awaitable[web.Response]]
Check = Callable[[], str]
"""Empty when well, else what is wrong."""


async def serve(port: int, livez: Check, readyz: Check, registry: CollectorRegistry) -> web.AppRunner:
    """Start answering; the caller cleans the runner up. OSError when the port is taken."""

    def page(check: Check) -> Handler:
        async def respond(_: web.Request) -> web.Response:
            trouble = check()
            return web.Response(text=trouble or "ok", status=503 if trouble else 200)

        return respond

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/livez", page(livez)), web.get("/readyz", page(readyz)), web.get("/metrics", metrics)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, port=port).start()
    return runner
