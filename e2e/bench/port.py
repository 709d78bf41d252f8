"""Ports of loopback."""

import socket


def free_port() -> int:
    """One that nobody listens on; it is the caller's as long as nobody else takes it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
