"""``python -m llmfleet_runtime.quantizing.job ORDER``: makes one checkpoint in a Job, and says there how far it is."""

import signal
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from llmfleet_runtime.contract import STATUS_PATH, TERMINATION_MESSAGE_BYTES, Phase, RuntimeStatus
from llmfleet_runtime.made import Made, Order, Production, Refusal, Step
from llmfleet_runtime.places import places

from .attempt import attempt
from .source import described

RESULT = "llmfleet-production.json"
"""In the order's folder: the result of a run that ended well, which later runs give again."""
REASON_CHARACTERS = 1000


class Report:
    """What the order's program told so far."""

    def __init__(self, folder: Path) -> None:
        """``folder`` is the order's."""
        self._folder = folder
        self._began = time.time()
        self._step: Step | None = None
        self._made: list[Made] = []
        self._reason = "it was cut, and goes on where it was"

    def __call__(self, document: Step | Made | Refusal) -> None:
        """Hear it."""
        if isinstance(document, Step):
            self._step = document
        elif isinstance(document, Made):
            self._made.append(document)
        else:
            self._reason = document.reason

    def status(self) -> RuntimeStatus:
        """The page: where the program is, in words."""
        step = self._step
        words = "" if step is None else f"{step.subject}: {step.doing}"
        if step and step.of:
            words += f", {100 * step.done // step.of} %"
        return RuntimeStatus(phase=Phase.STARTING, since=self._began, message=words)

    def kept(self) -> Production | None:
        """The result of an earlier run, whose checkpoint is still there."""
        try:
            found = Production.model_validate_json((self._folder / RESULT).read_bytes())
        except (OSError, ValueError):
            return None
        return found if found.made and (Path(found.made.folder) / "config.json").is_file() else None

    def result(self, code: int) -> Production:
        """After the program; a good one is kept."""
        if code:
            return Production(message=self._reason[:REASON_CHARACTERS])
        source, made = self._made
        facts, _ = described(Path(made.folder))
        found = Production(made=made, source=source.quality, facts=facts)
        # Another Job that waited for this one may write the same at the same moment.
        partial = self._folder / f"{RESULT}.{uuid.uuid4().hex}"
        partial.write_text(found.to_json(), encoding="utf-8")
        partial.rename(self._folder / RESULT)
        return found


@contextmanager
def page(report: Report, port: int) -> Iterator[None]:
    """Answer whoever asks how far it is."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = report.status().to_json().encode()
            self.send_response(200 if self.path == STATUS_PATH else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """The operator's questions are no news."""

    with ThreadingHTTPServer(("", port), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


def _told(found: Production) -> str:
    """As much as a termination message holds."""
    text = found.to_json()
    if len(text.encode()) > TERMINATION_MESSAGE_BYTES and found.facts:
        text = found.model_copy(update={"facts": found.facts.model_copy(update={"unknown": ()})}).to_json()
    return text


def main(argument: str) -> int:
    """Carry out the order of the argument; returns the exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    order, place = Order.model_validate_json(argument), places()
    report = Report(Path(order.out))
    found, code = report.kept(), 0
    if found is None:
        with page(report, place.status_port):
            code = attempt(order, report, waits=True)
        found = report.result(code)
    place.termination_message.write_text(_told(found), encoding="utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
