"""``python -m llmfleet_runtime.quantizing``: an ``Order`` on standard input, documents a line on standard output."""

import os
import signal
import sys

from llmfleet_runtime.made import Made, Order, Refusal, Step

from .attempt import attempt


def main() -> int:
    """Carry out one order; returns the exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # Whatever the libraries print goes to standard error: standard output is for documents.
    lines = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def tell(document: Step | Made | Refusal) -> None:
        lines.write(f"{document.to_json()}\n")
        lines.flush()

    return attempt(Order.model_validate_json(sys.stdin.read()), tell)


if __name__ == "__main__":
    sys.exit(main())
