"""The status server: five read-only pages. Other methods answer 405, other paths 404."""

from typing import Protocol

from aiohttp import web

from .contract import LIVEZ_PATH, LOAD_PATH, METRICS_PATH, READYZ_PATH, STATUS_PATH, LoadReport, RuntimeStatus

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Reported(Protocol):
    """What the pages show."""

    def is_alive(self) -> bool:
        """Whether a restart would not help."""

    def is_ready(self) -> bool:
        """Whether requests should come here."""

    def status(self) -> RuntimeStatus:
        """Where the pod stands."""

    async def load(self) -> LoadReport | None:
        """Traffic now; None when the engine does not answer."""

    async def metrics(self) -> str | None:
        """The engine's own page; None when it does not answer."""


def application(pod: Reported) -> web.Application:
    """The server's routes over ``pod``."""

    async def livez(_: web.Request) -> web.Response:
        return _plain(pod.is_alive(), pod.status().phase)

    async def readyz(_: web.Request) -> web.Response:
        return _plain(pod.is_ready(), pod.status().phase)

    async def status(_: web.Request) -> web.Response:
        return _json(pod.status().to_json())

    async def load(_: web.Request) -> web.Response:
        report = await pod.load()
        return _plain(is_good=False, text="no load yet") if report is None else _json(report.to_json())

    async def metrics(_: web.Request) -> web.Response:
        page = await pod.metrics()
        if page is None:
            return _plain(is_good=False, text="no metrics yet")
        return web.Response(body=page.encode(), headers={"Content-Type": METRICS_TYPE})

    app = web.Application()
    for path, handler in (
        (LIVEZ_PATH, livez),
        (READYZ_PATH, readyz),
        (STATUS_PATH, status),
        (LOAD_PATH, load),
        (METRICS_PATH, metrics),
    ):
        app.router.add_get(path, handler)
    return app


async def serve(pod: Reported, port: int) -> web.AppRunner:
    """Listen on ``port`` of every address; the caller cleans the returned runner up."""
    runner = web.AppRunner(application(pod), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, port=port).start()
    return runner


def _plain(is_good: bool, text: str) -> web.Response:  # noqa: FBT001 because it is the one thing that matters
    return web.Response(text=f"{text}\n", status=200 if is_good else 503)


def _json(text: str) -> web.Response:
    return web.Response(text=text, content_type="application/json")
