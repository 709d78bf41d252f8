"""Installs llm-compressor beside the engine: other versions of a few libraries, and torch and the rest are shared."""

import hashlib
import shutil
import sys
from pathlib import Path

from .install import Report, engine_folder, install, locked, print_line, run
from .versions import COMPRESSOR_FILE


def compressor(report: Report = print_line) -> Path:
    """Return the environment's folder, installing what is missing: 0.1 GB to fetch. Raises ``InstallError``."""
    engine = install(report)
    pins = [each for each in COMPRESSOR_FILE.read_text(encoding="utf-8").splitlines() if not each.startswith("#")]
    key = hashlib.sha256("\n".join(pins).encode()).hexdigest()[:10]
    folder = engine_folder() / "compressor" / key
    folder.parent.mkdir(exist_ok=True)
    with locked(folder.parent / "lock", report):
        if not folder.exists():
            partial = folder.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            partial.parent.mkdir(exist_ok=True)
            log = folder.parent / "install.log"
            run("compressor 1/2: environment", (sys.executable, "-m", "venv", str(partial)), log, report)
            (_libraries(partial) / "engine.pth").write_text(f"{_libraries(engine)}\n")
            pip = (str(partial / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--no-input")
            run("compressor 2/2: llm-compressor", (*pip, "--no-deps", *pins), log, report)
            partial.rename(folder)
    return folder


def _libraries(venv: Path) -> Path:
    return venv / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
