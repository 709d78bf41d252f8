"""One order from its first step to an exit code."""

import sys
from collections.abc import Callable

from llmfleet_runtime.made import Made, Order, Refusal, Step

from .engine import NotServed
from .material import Refused
from .program import carry_out
from .source import NoSource
from .store import Occupied

REFUSED = 65
"""Exit code: the order cannot be carried out; the last document says why (EX_DATAERR)."""
MISSING = 69
"""Exit code: this Python has no llm-compressor (EX_UNAVAILABLE)."""
CUT = 130


def attempt(order: Order, tell: Callable[[Step | Made | Refusal], None], *, waits: bool = False) -> int:
    """Carry it out, once no other run is in its place if it ``waits``; returns the exit code."""
    try:
        carry_out(order, tell, waits=waits)
    except KeyboardInterrupt:
        return CUT
    except ModuleNotFoundError as error:
        tell(Refusal(reason=f"{sys.executable} has no {error.name}"))
        return MISSING
    except (Refused, NoSource, Occupied, NotServed, OSError) as error:
        tell(Refusal(reason=str(error)))
        return REFUSED
    return 0
