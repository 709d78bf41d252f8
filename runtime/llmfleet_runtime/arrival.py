"""From the container's start until the model is there, or until somebody wants the pod gone."""

import asyncio
import os
import signal
from collections.abc import Mapping

from .argv import Platform
from .contract import HUB_TOKEN, ExitCode, Farewell
from .credentials import hub_token
from .download import Download
from .farewell import farewell
from .places import Places
from .server import serve
from .source import SourceRefused
from .sources.exchange import Fetched, Request


async def arrive(request: Request, platform: Platform, place: Places) -> Fetched | Farewell:
    """Where the model is, or why the pod ends without it. Serves the status pages meanwhile."""
    download = Download(request, variables(os.environ, place), platform.engine_version)
    asked = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked.set)
    runner = await serve(download, place.status_port)
    fetching, leaving = asyncio.create_task(download.fetch()), asyncio.create_task(asked.wait())
    try:
        await asyncio.wait({fetching, leaving}, return_when=asyncio.FIRST_COMPLETED)
        arrived = await fetching if fetching.done() else None
    except SourceRefused as error:
        return farewell(ExitCode.BAD_CONFIG, str(error), reason=error.reason)
    finally:
        for task in (fetching, leaving):
            task.cancel()
        await asyncio.gather(fetching, leaving, return_exceptions=True)
        await runner.cleanup()
    return _stopped(download) if asked.is_set() or arrived is None else arrived


def variables(container: Mapping[str, str], place: Places) -> dict[str, str]:
    """The downloading process's: clients beside the engine's libraries, and a hub cache where the pod has its own."""
    paths = (str(place.clients_folder), container.get("PYTHONPATH", ""))
    hub = {"HF_HOME": f"{place.cache_folder}/huggingface", "HF_HUB_DISABLE_TELEMETRY": "1"}
    given = {name: value for name, value in container.items() if name != HUB_TOKEN}
    return {**hub, **given, **hub_token(container), "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def _stopped(download: Download) -> Farewell:
    """The kubelet ends a start that takes too long in the same way as one that is no longer wanted."""
    found = download.status().download
    if found and found.reason:
        return farewell(ExitCode.STOPPED, f"stopped while waiting to try again: {found.message}", reason=found.reason)
    how_far = f"{found.percent} %" if found and found.percent is not None else "its beginning"
    return farewell(ExitCode.STOPPED, f"stopped before it was ready: the model's download stood at {how_far}")
