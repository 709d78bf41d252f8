"""The time before the engine: the model is fetched by a process of its own, and the status pages tell how far it is."""

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from .contract import DownloadReason, DownloadStatus, EngineConfig, LoadReport, ModelFiles, Phase, RuntimeStatus
from .places import Places
from .source import SourceRefused
from .sources.exchange import Failed, Fetched, Progressed, Request

log = logging.getLogger(__name__)

SPEED_SECONDS = 10.0
"""Over which the speed is taken."""
FIRST_PAUSE_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 120.0
LINE_BYTES = 2**20


def requested(config: EngineConfig, place: Places) -> Request | None:
    """What is to be fetched before the engine starts; None for a folder in the container."""
    if config.model.startswith("/"):
        return None
    uri = config.model if "://" in config.model else f"hf://{config.model}"
    cache, files = str(place.cache_folder), config.files or ModelFiles()
    return Request(uri=uri, revision=config.revision, files=files, sha256=config.sha256, cache=cache)


@dataclass
class Download:
    """Fetches one model. ``Reported`` of the status server."""

    request: Request
    environment: Mapping[str, str]
    """Of the downloading process."""
    engine_version: str
    since: float = field(default_factory=time.time)
    _now: DownloadStatus = field(default_factory=DownloadStatus)
    _seen: deque[tuple[float, int]] = field(default_factory=deque)

    def is_alive(self) -> bool:
        """Always: a download that waits is no reason for a restart."""
        return True

    def is_ready(self) -> bool:
        """Never: there is no engine yet."""
        return False

    def status(self) -> RuntimeStatus:
        """How far it is."""
        return RuntimeStatus(
            phase=Phase.DOWNLOADING,
            since=self.since,
            engine_version=self.engine_version,
            download=self._now,
            message=self._now.message,
        )

    async def load(self) -> LoadReport | None:
        """None: nobody is served."""
        return None

    async def metrics(self) -> str | None:
        """None: no engine runs."""
        return None

    async def fetch(self) -> Fetched:
        """The model's place. Tries again and again where that may help, else raises ``SourceRefused``."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            answer = await self._attempt()
            if isinstance(answer, Fetched):
                log.info("%s is in %s; %s", self.request.uri, answer.path, answer.message or "as its source has it")
                return answer
            if answer.reason != DownloadReason.FAILED:
                raise SourceRefused(DownloadReason(answer.reason), answer.message)
            log.warning("the download failed and is tried again in %.0f s: %s", pause, answer.message)
            self._failed(answer, time.time() + pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _attempt(self) -> Fetched | Failed:
        command = (sys.executable, "-P", "-m", "llmfleet_runtime.sources", self.request.to_json())
        process = await asyncio.create_subprocess_exec(
            *command,
            env=dict(self.environment),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
            limit=LINE_BYTES,
        )
        self._seen.clear()
        try:
            answer = await self._follow(process.stdout) if process.stdout else None
            code = await process.wait()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        return answer or Failed(reason=DownloadReason.FAILED, message=f"the download ended with exit code {code}")

    async def _follow(self, lines: asyncio.StreamReader) -> Fetched | Failed | None:
        """Until the last line."""
        async for line in lines:
            document = json.loads(line)
            if document["kind"] == "Progressed":
                self._progressed(Progressed.model_validate(document), time.monotonic())
            else:
                kind = Fetched if document["kind"] == "Fetched" else Failed
                return kind.model_validate(document)
        return None

    def _progressed(self, news: Progressed, now: float) -> None:
        self._seen.append((now, news.done))
        while self._seen[0][0] < now - SPEED_SECONDS:
            self._seen.popleft()
        (began, first), (ended, last) = self._seen[0], self._seen[-1]
        speed = max(0.0, (last - first) / (ended - began)) if ended > began else 0.0
        self._now = DownloadStatus(
            bytes_done=news.done,
            bytes_total=news.total,
            bytes_per_second=speed,
            seconds_left=(news.total - news.done) / speed if speed else None,
            message=news.message,
        )

    def _failed(self, answer: Failed, retry_at: float) -> None:
        told = {"reason": answer.reason, "message": answer.message, "retry_at": retry_at}
        self._now = self._now.model_copy(update={**told, "bytes_per_second": 0.0, "seconds_left": None})
