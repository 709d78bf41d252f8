"""Instants as the API writes them, RFC 3339 texts in UTC, and the seconds between them."""

from datetime import datetime


def elapsed(since: str, now: str) -> float:
    """Seconds from one instant to another; zero when the first cannot be read or lies ahead (clocks differ)."""
    try:
        return max(0.0, (datetime.fromisoformat(now) - datetime.fromisoformat(since)).total_seconds())
    except (ValueError, TypeError):
        return 0.0
