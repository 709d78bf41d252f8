"""``python -m llmfleet_runtime.quantizing``: an ``Order`` on standard input, documents a line on standard output."""

import os
import signal
import sys

from llmfleet_runtime.made import Made, Order, Refusal, Step

from .engine import NotServed
from .material import Refused
from .program import carry_out
from .source import NoSource
from .store import Occupied

REFUSED = 65
"""Exit code: the order cannot be carried out; the last line says why (EX_DATAERR)."""
MISSING = 69
"""Exit code: this Python has no llm-compressor (EX_UNAVAILABLE)."""
CUT = 130


def main() -> int:
    """Carry out one order; returns the exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # Whatever the libraries print goes to standard error: standard output is for documents.
    lines = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def tell(document: Step | Made | Refusal) -> None:
        lines.write(f"{document.to_json()}\n")
        lines.flush()

    try:
        carry_out(Order.model_validate_json(sys.stdin.read()), tell)
    except KeyboardInterrupt:
        return CUT
    except ModuleNotFoundError as error:
        tell(Refusal(reason=f"{sys.executable} has no {error.name}"))
        return MISSING
    except (Refused, NoSource, Occupied, NotServed, OSError) as error:
        tell(Refusal(reason=str(error)))
        return REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main())
