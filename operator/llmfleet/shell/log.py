"""One JSON object per log line."""

import logging

from pythonjsonlogger.orjson import OrjsonFormatter


def configure(level: str) -> None:
    """Send everything at ``level`` and above to standard error as JSON."""
    # What is not in a line need not be looked for ("Optimization" in Python's logging HOWTO).
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = logging.StreamHandler()
    fields = {"asctime": "time", "levelname": "level", "name": "logger"}
    handler.setFormatter(OrjsonFormatter("%(asctime)s %(levelname)s %(name)s %(message)s", rename_fields=fields))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("kopf").setLevel(max(logging.WARNING, logging.getLevelName(level)))
    # A watch that the server ended goes through both with a trace each, and then comes up to us.
    for part in ("orchestration", "running"):
        logging.getLogger(f"kopf._core.reactor.{part}").setLevel(logging.CRITICAL)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
