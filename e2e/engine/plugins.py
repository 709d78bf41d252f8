"""The engine's plugins in a folder of their own, so that tests run with them and without: put it on ``PYTHONPATH``."""

import shutil
from pathlib import Path

from .install import Report, engine_folder, install, locked, print_line, run
from .versions import PLUGINS


def plugins(report: Report = print_line) -> Path:
    """Return the folder, installing what is missing; needs the network once. Raises ``InstallError``."""
    python = install(report) / "bin" / "python"
    folder = engine_folder() / "plugins" / "-".join(PLUGINS)
    folder.parent.mkdir(exist_ok=True)
    with locked(folder.parent / "lock", report):
        if not folder.exists():
            partial = folder.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            pip = (str(python), "-m", "pip", "--disable-pip-version-check", "install", "--no-input", "--no-deps")
            run("engine plugins", (*pip, "--target", str(partial), *PLUGINS), folder.parent / "install.log", report)
            partial.rename(folder)
    return folder
