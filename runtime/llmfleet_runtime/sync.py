"""Follows ``live.json``, which the kubelet replaces by switching a link in the mounted folder."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError
from watchfiles import awatch

from .contract import LIVE_FILE, LiveConfig

log = logging.getLogger(__name__)

POLL_SECONDS = 5.0
"""A look at the file without an event: notifications can be lost or unavailable."""


class Live:
    """The newest valid live document; ``problem`` says why a newer one was not taken."""

    def __init__(
        self, folder: Path, drain_timeout_seconds: float, taken: Callable[[LiveConfig], None] = lambda _: None
    ) -> None:
        """``drain_timeout_seconds`` counts until there is a document; ``taken`` hears of each."""
        self.folder = folder
        self._taken = taken
        self.config = LiveConfig(drain_timeout_seconds=drain_timeout_seconds)
        self.problem = ""
        self._text: str | None = None
        self.read()

    def read(self) -> None:
        """Take the document if it is new and valid; a missing file changes nothing."""
        try:
            text = (self.folder / LIVE_FILE).read_text(encoding="utf-8")
        except FileNotFoundError:
            return
        except (OSError, UnicodeDecodeError) as error:
            self.problem = f"{LIVE_FILE} cannot be read: {error}"
            return
        if text == self._text:
            return
        self._text = text
        try:
            self.config = LiveConfig.model_validate_json(text)
            self.problem = ""
            self._taken(self.config)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(map(str, first["loc"])) or "document"
            self.problem = f"{LIVE_FILE} is not valid, number {self.config.number} stays: {place}: {first['msg']}"
        log.info("live document number %d%s", self.config.number, f"; {self.problem}" if self.problem else "")

    async def follow(self) -> None:
        """Read after every change, for ever."""
        try:
            async for _ in awatch(
                self.folder, watch_filter=None, step=20, debounce=200, yield_on_timeout=True,
                rust_timeout=int(POLL_SECONDS * 1000),
            ):  # fmt: skip
                self.read()
        except (OSError, RuntimeError) as error:
            log.warning("cannot watch %s (%s); looking every %g s", self.folder, error, POLL_SECONDS)
        while True:
            self.read()
            await asyncio.sleep(POLL_SECONDS)
