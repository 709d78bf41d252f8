"""A metrics adapter: answers a HorizontalPodAutoscaler's external metrics from made series, and notes when it asked."""

import asyncio
import ssl
import time
from collections.abc import Mapping

from aiohttp import web

from .series import LOOKS, Look, made

GROUP, VERSION = "external.metrics.k8s.io", "v1beta1"
PATH = f"/apis/{GROUP}/{VERSION}"


class Adapter:
    """One metric for each series, of which each question takes the next value."""

    def __init__(self, names: Mapping[str, str]) -> None:
        """``names`` of the series by their metrics'."""
        self._values = {metric: made(series) for metric, series in names.items()}
        self.looks: dict[str, list[Look]] = {metric: [] for metric in names}
        self.sizes: dict[str, int] = dict.fromkeys(names, 1)
        """Of each Deployment, as last seen; whoever plays its controller writes it."""
        self._began = time.monotonic()

    @property
    def is_done(self) -> bool:
        """Whether every series was asked for to its end."""
        return all(len(each) >= LOOKS for each in self.looks.values())

    async def serve(self, certificate: str, key: str) -> tuple[web.AppRunner, int]:
        """Listen on loopback; the caller cleans up."""
        app = web.Application()
        app.add_routes(
            [web.get(PATH, self._resources), web.get(f"{PATH}/namespaces/{{namespace}}/{{metric}}", self._value)]
        )
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificate, key)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        server = site._server  # noqa: SLF001 because aiohttp tells the port nowhere else
        if not isinstance(server, asyncio.Server):
            raise TypeError("no server")
        return runner, int(server.sockets[0].getsockname()[1])

    async def _resources(self, _: web.Request) -> web.Response:
        found = [
            {"name": each, "singularName": "", "namespaced": True, "kind": "ExternalMetricValueList", "verbs": ["get"]}
            for each in self._values
        ]
        return web.json_response(
            {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": f"{GROUP}/{VERSION}", "resources": found}
        )

    async def _value(self, request: web.Request) -> web.Response:
        metric = request.match_info["metric"]
        looks, values = self.looks[metric], self._values[metric]
        value = values[min(len(looks), len(values) - 1)]
        looks.append(Look(time.monotonic() - self._began, value, self.sizes[metric]))
        item = {
            "metricName": metric, "metricLabels": {}, "value": str(value),
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }  # fmt: skip
        return web.json_response(
            {"kind": "ExternalMetricValueList", "apiVersion": f"{GROUP}/{VERSION}", "metadata": {}, "items": [item]}
        )
