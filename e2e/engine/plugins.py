"""Folders of packages beside the engine's own, so that tests run with them and without: put one on ``PYTHONPATH``."""

import hashlib
import shutil
from pathlib import Path

from .install import Report, engine_folder, install, locked, print_line, run
from .versions import CLIENTS_FILE, PLUGINS, SERVERS


def plugins(report: Report = print_line) -> Path:
    """The engine's plugins. Like the others, installed once, with the network. Raises ``InstallError``."""
    return _folder("plugins", ("--no-deps", *PLUGINS), report)


def clients(report: Report = print_line) -> Path:
    """What downloads models, as the serving pods' image has it."""
    lines = (line.partition("#")[0].strip() for line in CLIENTS_FILE.read_text(encoding="utf-8").splitlines())
    return _folder("clients", ("--no-deps", *filter(None, lines)), report)


def servers(report: Report = print_line) -> Path:
    """Servers that models are downloaded from in tests."""
    return _folder("servers", SERVERS, report)


def _folder(name: str, wanted: tuple[str, ...], report: Report) -> Path:
    python = install(report) / "bin" / "python"
    folder = engine_folder() / name / hashlib.sha256("\n".join(wanted).encode()).hexdigest()[:10]
    folder.parent.mkdir(exist_ok=True)
    with locked(folder.parent / "lock", report):
        if not folder.exists():
            partial = folder.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            pip = (str(python), "-m", "pip", "--disable-pip-version-check", "install", "--no-input")
            run(f"engine {name}", (*pip, "--target", str(partial), *wanted), folder.parent / "install.log", report)
            partial.rename(folder)
    return folder
