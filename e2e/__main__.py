"""The one way in on a bare machine: ``python3 e2e TASK``.

Makes ``.venv`` beside this folder, installs the project with the pinned versions of
``constraints.txt``, then becomes ``poe TASK``. Standard library only, because nothing is
installed yet; a second start finds its stamp and installs nothing.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, NamedTuple, NoReturn

ROOT = Path(__file__).resolve().parent.parent
OLDEST_PYTHON = (3, 11)
QUIET_SECONDS = 10.0
"""Between two lines of progress where nobody watches a terminal."""


class Environment(NamedTuple):
    """The virtual environment of a checkout, and how to tell that it is complete."""

    root: Path

    @property
    def folder(self) -> Path:
        """The environment itself."""
        return self.root / ".venv"

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    @property
    def constraints(self) -> Path:
        """The pinned versions."""
        return self.root / "e2e" / "constraints.txt"

    @property
    def stamp(self) -> Path:
        """Written last; holds what the environment was installed from."""
        return self.folder / "llmfleet-installed"

    @property
    def unfinished(self) -> Path:
        """There only while installing, so that an interrupted installation is started over."""
        return self.folder / "llmfleet-unfinished"

    def fingerprint(self) -> str:
        """What an installation depends on: requirements, pins, interpreter and place."""
        parts = [(self.root / "pyproject.toml").read_bytes(), self.constraints.read_bytes()]
        parts += [sys.version.encode(), sys.base_prefix.encode(), str(self.root).encode()]
        return hashlib.sha256(b"\0".join(parts)).hexdigest()

    def is_complete(self) -> bool:
        """Whether it was installed to the end from what is there now."""
        return self.stamp.is_file() and self.stamp.read_text() == self.fingerprint() and self.python.exists()


def fail(sentence: str, code: int = 1) -> NoReturn:
    """End with one sentence that says what is wrong and what to do."""
    print(f"e2e: {sentence}", file=sys.stderr)
    sys.exit(code)


def check_interpreter() -> None:
    """Refuse, before anything is changed, a Python that cannot do the work."""
    if sys.version_info < OLDEST_PYTHON:
        wanted = ".".join(map(str, OLDEST_PYTHON))
        found = ".".join(map(str, sys.version_info[:3]))
        fail(f"Python {wanted} or newer is needed and this is {found}: try `python{wanted} e2e`.")
    if os.name != "posix":
        fail("a POSIX system is needed; on Windows use a Linux virtual machine or WSL 2.")
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        version = ".".join(map(str, sys.version_info[:2]))
        fail(f"this Python cannot make environments (ensurepip is missing): `apt-get install python{version}-venv`.")


def tasks(root: Path) -> dict[str, str]:
    """The tasks of ``pyproject.toml`` with their one line of help; those that begin with ``_`` are internal."""
    import tomllib  # noqa: PLC0415 because an older Python must reach its refusal first

    defined = tomllib.loads((root / "pyproject.toml").read_text()).get("tool", {}).get("poe", {}).get("tasks", {})
    return {
        name: str(task.get("help", "")) if isinstance(task, dict) else ""
        for name, task in defined.items()
        if not name.startswith("_")
    }


def usage(known: dict[str, str]) -> str:
    """What ``python3 e2e`` and ``--help`` print."""
    width = max((len(name) for name in known), default=0)
    lines = [f"  {name:<{width}}  {summary}".rstrip() for name, summary in known.items()]
    return "\n".join(["usage: python3 e2e TASK [ARGUMENT ...]", "", "tasks:", *lines])


class Progress:
    """One line that is rewritten on a terminal; elsewhere one line per step and a sign of life."""

    def __init__(self, step: str, out: IO[str]) -> None:
        """Announce the step."""
        self.step, self.out, self.started = step, out, time.monotonic()
        self.spoken = self.started
        if not out.isatty():
            print(f"e2e: {step} …", file=out, flush=True)

    def show(self, detail: str) -> None:
        """Say what happens within the step."""
        now = time.monotonic()
        text = f"e2e: {self.step} · {now - self.started:.0f} s · {detail}"
        if self.out.isatty():
            columns = shutil.get_terminal_size().columns - 1
            print(f"\r\033[K{text[:columns]}", end="", file=self.out, flush=True)
        elif now - self.spoken > QUIET_SECONDS:
            self.spoken = now
            print(text[:120], file=self.out, flush=True)

    def done(self) -> None:
        """Say how long the step took."""
        start = "\r\033[K" if self.out.isatty() else ""
        print(f"{start}e2e: {self.step}: done in {time.monotonic() - self.started:.0f} s", file=self.out, flush=True)


def run_step(step: str, command: list[str]) -> None:
    """Run one command quietly, showing progress; its last lines are printed only when it fails."""
    progress = Progress(step, sys.stderr)
    lines: list[str] = []
    with subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            for line in process.stdout or ():
                lines.append(line.rstrip())
                progress.show(lines[-1])
        except KeyboardInterrupt:
            process.terminate()
            raise
    if process.returncode != 0:
        print("\n".join(["", *lines[-25:]]), file=sys.stderr)
        fail(f"{step} failed (see above); the same command continues once the cause is gone.")
    progress.done()


def can_go_on(environment: Environment) -> bool:
    """Whether what stands in ``.venv`` was made by this interpreter and was not cut short."""
    if environment.unfinished.exists() or not environment.python.exists():
        return False
    probe = [str(environment.python), "-c", "import pip, sys; print(sys.version, sys.base_prefix)"]
    answer = subprocess.run(probe, capture_output=True, text=True, check=False)
    return answer.stdout.strip() == f"{sys.version} {sys.base_prefix}"


def prepare_folder(environment: Environment) -> None:
    """Keep an environment that this interpreter can go on with; make a new one otherwise."""
    folder = environment.folder
    if not can_go_on(environment):
        if folder.exists():
            if not (environment.unfinished.exists() or (folder / "pyvenv.cfg").exists()):
                fail(f"{folder} exists and is no virtual environment: move it away, this place is needed.")
            shutil.rmtree(folder)
        folder.mkdir()
        environment.unfinished.touch()
        run_step("making .venv", [sys.executable, "-m", "venv", str(folder)])
    environment.stamp.unlink(missing_ok=True)
    environment.unfinished.touch()


def install(environment: Environment) -> None:
    """Bring the environment up to date; at most one process at a time does."""
    import fcntl  # noqa: PLC0415 because it is missing where check_interpreter refuses

    with (environment.root / "pyproject.toml").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if environment.is_complete():
            return
        fingerprint = environment.fingerprint()
        prepare_folder(environment)
        pip = [str(environment.python), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
        wanted = ["-c", str(environment.constraints), "-e", f"{environment.root}[dev]"]
        run_step("installing the tools (about a minute the first time)", [*pip, *wanted])
        environment.stamp.write_text(fingerprint)
        environment.unfinished.unlink()


def become_task(environment: Environment, arguments: list[str]) -> NoReturn:
    """Replace this process by poe in the environment, so that signals and exit codes are the task's own."""
    binaries = environment.folder / "bin"
    variables = {**os.environ, "VIRTUAL_ENV": str(environment.folder)}
    variables["PATH"] = f"{binaries}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    variables.pop("PYTHONHOME", None)
    command = [str(environment.python), "-m", "poethepoet", "-C", str(environment.root), *arguments]
    sys.stdout.flush()
    os.execve(command[0], command, variables)  # noqa: S606 because no shell is wanted


def main(arguments: list[str]) -> int:
    """List the tasks, or install what is needed and become the named one."""
    check_interpreter()
    known = tasks(ROOT)
    if not arguments or arguments[0] in {"-h", "--help", "help"}:
        print(usage(known))
        return 0
    if arguments[0] not in known:
        fail(f"there is no task {arguments[0]!r}; the tasks are {', '.join(known)}.", code=2)
    environment = Environment(ROOT)
    if not environment.is_complete():
        install(environment)
    become_task(environment, arguments)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        print("\ne2e: stopped; the same command continues.", file=sys.stderr)
        sys.exit(130)
