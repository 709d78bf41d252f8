"""One pod from start to end: starts the engine, follows its phases, drains on SIGTERM, says farewell."""

import asyncio
import logging
import os
import shlex
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from . import hub, machine
from .argv import BadConfig, Platform
from .arrival import arrive
from .base import Shapes, headless
from .contract import ENGINE_FILE, HUB_TOKEN, EngineConfig, ExitCode, Farewell, LoadReport, Phase, RuntimeStatus
from .credentials import hub_token
from .download import requested
from .drain import Ledger, drain
from .engine import Engine
from .engines.table import engine as dialect
from .farewell import farewell, write
from .lifecycle import Event, after
from .load import kv_cache_tokens, warnings
from .loopback import NO_ROUTE, Loopback
from .places import Places, places
from .sampler import Sampler
from .server import serve
from .shelf import Shelf
from .start import Start, foresee, prepare
from .startup import Marks, phases
from .sync import Live
from .upkeep import Upkeep
from .vitals import Vitals

log = logging.getLogger(__name__)

START_POLL_SECONDS = 0.2
STOP_GRACE_SECONDS = 2.0
"""For vLLM's own clean-up once nothing is in flight; it takes 0.2 to 0.5 s or hangs."""


class Pod:
    """The pod's state and what moves it on. ``Reported`` of the status server."""

    def __init__(self, config: EngineConfig, platform: Platform, place: Places, engine: Engine, start: Start) -> None:
        """Needs a running loop; ``engine`` was just started."""
        self._config = config
        self._engine = engine
        self._began = start.began or engine.started
        self._dialect = dialect(config.engine)
        self._loopback = Loopback(platform.port, start.token, self._dialect.context_length, config.task)
        self._sampler = Sampler(self._loopback, engine.started, is_page_optional=self._dialect.answers_in_its_loop)
        self._upkeep = _upkeep(config, place, self._loopback)
        self._live = Live(place.config_folder, config.drain_timeout_seconds, self._upkeep.want)
        self._vitals = Vitals(self._loopback, self._sampler, config.served_names[0], place.stall_seconds)
        self._stop_asked = asyncio.Event()
        self._status = RuntimeStatus(
            phase=Phase.STARTING,
            since=engine.started,
            engine=self._dialect.name.lower(),
            engine_version=platform.engine_version,
            quantization=start.weights,
            commit=start.commit,
        )

    def ask_to_stop(self) -> None:
        """SIGTERM; a second one changes nothing."""
        self._stop_asked.set()

    async def live_through(self) -> Farewell:
        """Until the engine or the pod has ended."""
        rising = asyncio.create_task(self._rise())
        following = asyncio.create_task(self._live.follow())
        asked = asyncio.create_task(self._stop_asked.wait())
        try:
            await _first(rising, asked, self._engine.exited)
            if self._engine.exited.done():
                return await self._died()
            if rising.done():
                return await (self._timed_out() if await rising is Event.STARTUP_TIMED_OUT else self._died())
            return await self._leave(rising)
        finally:
            for task in (rising, following, asked):
                task.cancel()
            await asyncio.gather(rising, following, asked, return_exceptions=True)
            await self._loopback.close()

    def is_alive(self) -> bool:
        """False once a ready engine has stopped answering, stands still, or has ended."""
        if self._engine.exited.done():
            return self._status.phase == Phase.STOPPING
        return not self._stall()

    def is_ready(self) -> bool:
        """Whether requests should come here."""
        return self._status.phase == Phase.READY and self.is_alive()

    def _stall(self) -> str:
        return self._vitals.problem() if self._status.phase == Phase.READY else ""

    def status(self) -> RuntimeStatus:
        """Where the pod stands, with the live document it has."""
        message = self._stall() or self._status.message or self._live.problem
        adapters = self._upkeep.report() if self._config.lora else None
        said = {"live_number": self._live.config.number, "message": message, "adapters": adapters}
        return self._status.model_copy(update=said)

    async def load(self) -> LoadReport | None:
        """Traffic now."""
        return await self._sampler.report()

    async def metrics(self) -> str | None:
        """The engine's own page."""
        return await self._loopback.metrics()

    def _happened(self, event: Event) -> Phase:
        phase = after(self._status.phase, event)
        if phase != self._status.phase:
            log.info("%s -> %s: %s", self._status.phase, phase, event)
            self._learn(phase=phase, since=time.time(), message="")
        return phase

    async def _rise(self) -> Event:
        """Starting, warming, ready, and then for ever; returns only what ends it."""
        try:
            async with asyncio.timeout(self._config.startup_timeout_seconds):
                while await self._loopback.health() != 200:  # noqa: ASYNC110 because the engine cannot call us
                    await asyncio.sleep(START_POLL_SECONDS)
                self._happened(Event.ENGINE_HEALTHY)
                healthy = time.time()
                await self._warm_up()
        except TimeoutError:
            return Event.STARTUP_TIMED_OUT
        if self._config.lora:
            left = self._engine.started + self._config.startup_timeout_seconds - time.time()
            await self._upkeep.first_round(left / 2)
        marks = Marks(self._began, self._engine.started, healthy, time.time())
        self._learn(startup=phases(marks, self._engine.output()))
        self._vitals.begin()
        self._happened(Event.ENGINE_ANSWERED)
        async with asyncio.TaskGroup() as group:
            keeping = group.create_task(self._upkeep.follow(self._stop_asked)) if self._config.lora else None
            await self._vitals.follow()
            if keeping:
                keeping.cancel()
        return Event.ENGINE_DIED

    async def _warm_up(self) -> None:
        task = self._config.task
        while problem := await self._loopback.try_request(self._config.served_names[0]):
            if task and problem.startswith(NO_ROUTE):
                raise BadConfig(f"the model does not do what model.task {task} asks for: {problem}")
            log.warning("the first request failed: %s", problem)
            self._learn(message=f"the first request failed: {problem}")
            await asyncio.sleep(1)
        page = await self._loopback.metrics()
        found = warnings(self._dialect, self._status.engine_version or "", page)
        for each in found:
            log.warning("%s: %s", each.reason, each.message)
        self._learn(
            max_model_len=await self._loopback.max_model_len(),
            kv_cache_tokens=kv_cache_tokens(page or ""),
            warnings=found or None,
        )

    def _learn(self, **members: object) -> None:
        self._status = self._status.model_copy(update=members)

    async def _leave(self, living: asyncio.Task[Event]) -> Farewell:
        """SIGTERM came; ``living`` ends when the engine's own processes do."""
        stalled = not self.is_alive()
        phase = self._happened(Event.STOP_ASKED_WHILE_STALLED if stalled else Event.STOP_ASKED)
        if phase != Phase.DRAINING:
            # Nobody is served, so there is nothing to wait for; vLLM loses a SIGTERM that comes while it starts.
            await self._engine.stop(0)
            return farewell(ExitCode.STOPPED, "stopped while stalled" if stalled else "stopped before it was ready")
        draining = asyncio.create_task(self._drain())
        await _first(draining, living, self._engine.exited)
        if not draining.done():
            draining.cancel()
            return await self._died()
        ledger = await draining
        self._happened(Event.DRAINED)
        await self._engine.stop(STOP_GRACE_SECONDS)
        return farewell(ExitCode.STOPPED, "asked to stop", ledger)

    async def _drain(self) -> Ledger:
        return await drain(
            self._loopback, self._config.endpoint_lag_seconds, lambda: self._live.config.drain_timeout_seconds
        )

    async def _died(self) -> Farewell:
        was_serving = self._status.phase in {Phase.READY, Phase.DRAINING}
        server_lives = not self._engine.exited.done()
        self._happened(Event.ENGINE_DIED)
        code = await self._engine.stop(0)
        if server_lives:
            words = "the engine died and its server went on without it"
            return farewell(ExitCode.ENGINE_DIED, words, output=self._engine.output())
        end = f"by signal {-code} ({signal.Signals(-code).name})" if code < 0 else f"with exit code {code}"
        refused = code == self._dialect.usage_error and not was_serving
        return farewell(
            ExitCode.BAD_CONFIG if refused else ExitCode.ENGINE_DIED,
            f"the engine {'refused its arguments' if refused else 'ended by itself'}, {end}",
            output=self._engine.output(),
        )

    async def _timed_out(self) -> Farewell:
        message = f"the engine was not ready after {self._config.startup_timeout_seconds:g} s"
        if self._status.message:
            message += f"; {self._status.message}"
        self._happened(Event.STARTUP_TIMED_OUT)
        await self._engine.stop(0)
        return farewell(ExitCode.ENGINE_DIED, message, output=self._engine.output())


def run(began: float) -> int:
    """Run this container's pod, begun at that Unix time; returns the exit code."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s launcher %(levelname)s %(message)s")
    logging.getLogger("watchfiles").setLevel(logging.WARNING)
    place = places()
    try:
        config = read_config(place)
        platform = machine.platform(dialect(config.engine), place.serving_port)
        parting = asyncio.run(_run(config, platform, place, began))
    except BadConfig as error:
        parting = farewell(ExitCode.BAD_CONFIG, str(error), reason=error.reason)
    write(parting, place.termination_message)
    return parting.exit_code


def read_config(place: Places) -> EngineConfig:
    """``engine.json``. Raises ``BadConfig`` naming the file and its first wrong member."""
    path = place.config_folder / ENGINE_FILE
    try:
        return EngineConfig.model_validate_json(path.read_bytes())
    except OSError as error:
        raise BadConfig(f"{path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        member = ".".join(map(str, first["loc"])) or "document"
        raise BadConfig(f"{path}: {member}: {first['msg']}") from error


async def _run(config: EngineConfig, platform: Platform, place: Places, began: float) -> Farewell:
    commit = None
    if request := requested(config, place):
        foresee(config, platform, os.environ)
        arrived = await arrive(request, platform, place)
        if isinstance(arrived, Farewell):
            return arrived
        config, commit = config.model_copy(update={"model": arrived.path, "revision": None}), arrived.commit
    start = replace(prepare(config, platform, os.environ, commit), began=began)
    log.info(
        "%s %s, %d cores: %s",
        dialect(config.engine).title,
        platform.engine_version,
        platform.cpus,
        shlex.join(start.command[1:]),
    )
    engine = Engine(start.command, start.environment)
    pod = Pod(config, platform, place, engine, start)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, pod.ask_to_stop)
    runner = await serve(pod, place.status_port)
    try:
        return await pod.live_through()
    finally:
        await engine.stop(0)
        await runner.cleanup()


def _upkeep(config: EngineConfig, place: Places, loopback: Loopback) -> Upkeep:
    token = hub_token(os.environ).get(HUB_TOKEN)
    shelf = Shelf(place.adapter_folder, place.model_folder, lambda name, revision: hub.download(name, revision, token))
    max_rank = config.lora.max_rank if config.lora else 0
    return Upkeep(loopback, shelf, lambda: _shapes(config), max_rank)


def _shapes(config: EngineConfig) -> Shapes:
    """Of the base model, under the names by which the engine looks for adapters."""
    found = hub.shapes(Path(config.model))
    return found if config.task in (None, "Generate") else headless(found)


async def _first(*ends: asyncio.Future[Any]) -> None:
    """Return when one of them is done."""
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
