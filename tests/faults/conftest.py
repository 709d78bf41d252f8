"""One authority for every proxy of the session."""

from pathlib import Path

import pytest

from e2e.cluster import certificates


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, and a server's certificate for the loopback."""
    folder = tmp_path_factory.mktemp("faults") / "pki"
    certificates.create(folder, "127.0.0.1:0")
    return folder
