"""The machine's clocks."""

import time
from datetime import UTC, datetime


class SystemClock:
    """See ``ports.Clock``."""

    def monotonic(self) -> float:
        """See ``ports.Clock``."""
        return time.monotonic()

    def rfc3339(self) -> str:
        """See ``ports.Clock``."""
        return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
