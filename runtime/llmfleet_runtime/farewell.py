"""The termination message: written last, read by the operator as the drain ledger."""

import logging
from pathlib import Path

from .contract import TERMINATION_MESSAGE_BYTES, ExitCode, Farewell
from .drain import Ledger
from .words import last_words

log = logging.getLogger(__name__)

MESSAGE_CHARACTERS = 3000


def farewell(
    code: ExitCode, message: str, ledger: Ledger | None = None, output: str = "", reason: str = ""
) -> Farewell:
    """Why the launcher ends, with the engine's own words behind ours when there are any.

    ``reason`` is one that says more than the code's own.
    """
    reasons = {
        ExitCode.STOPPED: "Stopped",
        ExitCode.ENGINE_DIED: "EngineDied",
        ExitCode.BAD_CONFIG: "BadConfig",
    }
    words = last_words(output, MESSAGE_CHARACTERS) if output else ""
    drained = ledger or Ledger()
    return Farewell(
        exit_code=code,
        reason=reason or reasons[code],
        message=f"{message}\n{words}" if words else message,
        in_flight_at_start=drained.in_flight_at_start,
        finished=drained.finished,
        aborted=drained.aborted,
        seconds=None if ledger is None else ledger.seconds,
    )


def fitted(document: Farewell) -> str:
    """The JSON text in at most 4,096 bytes: the message loses characters from its front.

    How many bytes a character takes depends on its escape, hence the halving.
    """
    text = document.to_json()
    while len(text.encode()) > TERMINATION_MESSAGE_BYTES:
        excess = len(text.encode()) - TERMINATION_MESSAGE_BYTES
        cut = min(max(1, excess // 12), len(document.message))
        document = document.model_copy(update={"message": document.message[cut:]})
        text = document.to_json()
    return text


def write(document: Farewell, path: Path) -> None:
    """Write it; a failure is only logged, since the exit code still tells the essential."""
    log.info("%s (%d): %s", document.reason, document.exit_code, document.message.partition("\n")[0])
    try:
        path.write_text(fitted(document), encoding="utf-8")
    except OSError as error:
        log.warning("cannot write %s: %s", path, error)
