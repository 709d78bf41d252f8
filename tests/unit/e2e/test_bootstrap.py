"""``python3 e2e``: the way in on a bare machine, on a project of its own that needs no package index."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ENTRY = Path(__file__).resolve().parents[3] / "e2e" / "__main__.py"

PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "llmfleet"
version = "1"
optional-dependencies = {dev = []}
[tool.poe.tasks.quick]
help = "Everything fast."
cmd = "true"
[tool.poe.tasks._hidden]
cmd = "true"
"""

BACKEND = '''
"""Installs a stand-in for poe that prints its arguments; waits as long as a file says, to be interrupted."""
import os, pathlib, time, zipfile
def build_editable(folder, config_settings=None, metadata_directory=None):
    if pathlib.Path("slow").exists():
        pathlib.Path("begun").touch()
        time.sleep(60)
    name = "llmfleet-1-py3-none-any.whl"
    files = {
        "poethepoet/__main__.py": "import sys, os; print('poe', sys.argv[1:], os.environ['VIRTUAL_ENV'])",
        "llmfleet-1.dist-info/METADATA": "Metadata-Version: 2.1\\nName: llmfleet\\nVersion: 1\\nProvides-Extra: dev\\n",
        "llmfleet-1.dist-info/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        "llmfleet-1.dist-info/RECORD": "",
    }
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        for path, content in files.items():
            wheel.writestr(path, content)
    return name
build_wheel = build_editable
'''


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "checkout"
    (root / "e2e").mkdir(parents=True)
    shutil.copy(ENTRY, root / "e2e")
    (root / "e2e" / "constraints.txt").touch()
    (root / "pyproject.toml").write_text(PROJECT)
    (root / "backend.py").write_text(BACKEND)
    return root


def start(root: Path, *arguments: str, python: str = sys.executable) -> subprocess.CompletedProcess[str]:
    command = [python, str(root / "e2e"), *arguments]
    environment = {**os.environ, "PIP_NO_INDEX": "1"}
    return subprocess.run(command, cwd="/", env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
def test_without_a_task_it_lists_them_and_installs_nothing(checkout: Path, arguments: tuple[str, ...]) -> None:
    done = start(checkout, *arguments)
    assert done.returncode == 0
    assert "quick  Everything fast." in done.stdout
    assert "_hidden" not in done.stdout
    assert not (checkout / ".venv").exists()


def test_an_unknown_task_is_refused_with_the_tasks_there_are(checkout: Path) -> None:
    done = start(checkout, "quack")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "e2e: there is no task 'quack'; the tasks are quick.\n"
    assert not (checkout / ".venv").exists()


def test_a_folder_that_is_no_environment_is_left_alone(checkout: Path) -> None:
    (checkout / ".venv").mkdir()
    (checkout / ".venv" / "mine").touch()
    done = start(checkout, "quick")
    assert done.returncode == 1
    assert "move it away" in done.stderr
    assert (checkout / ".venv" / "mine").exists()


@pytest.mark.timeout(120)
def test_it_installs_once_passes_arguments_on_and_installs_again_when_something_changed(checkout: Path) -> None:
    first = start(checkout, "quick", "-x", "a b")
    assert first.returncode == 0, first.stderr
    assert first.stdout == f"poe ['-C', '{checkout}', 'quick', '-x', 'a b'] {checkout / '.venv'}\n"
    assert "installing" in first.stderr
    second = start(checkout, "quick")
    assert (second.returncode, second.stderr) == (0, "")
    (checkout / "e2e" / "constraints.txt").write_text("other==1\n")
    third = start(checkout, "quick")
    assert third.returncode == 0, third.stderr
    assert "installing" in third.stderr
    assert "making .venv" not in third.stderr


@pytest.mark.timeout(120)
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_installation_is_started_over(checkout: Path, how: signal.Signals) -> None:
    (checkout / "slow").touch()
    command = [sys.executable, str(checkout / "e2e"), "quick"]
    # A session of its own, as a terminal's foreground job: the signal reaches pip as well.
    child = subprocess.Popen(
        command, env={**os.environ, "PIP_NO_INDEX": "1"}, stderr=subprocess.DEVNULL, start_new_session=True
    )
    while not (checkout / "begun").exists():
        assert child.poll() is None
        time.sleep(0.05)
    os.killpg(child.pid, how)
    assert child.wait(20) == (130 if how == signal.SIGINT else -signal.SIGKILL)
    assert (checkout / ".venv" / "llmfleet-unfinished").exists()
    (checkout / "slow").unlink()
    again = start(checkout, "quick")
    assert again.returncode == 0, again.stderr
    assert "making .venv" in again.stderr


@pytest.mark.timeout(60)
def test_a_failed_installation_shows_pips_last_words(checkout: Path) -> None:
    (checkout / "pyproject.toml").write_text(PROJECT.replace("{dev = []}", '{dev = ["no-such-thing"]}'))
    backend = (checkout / "backend.py").read_text()
    (checkout / "backend.py").write_text(
        backend.replace('dev\\n"', 'dev\\nRequires-Dist: no-such-thing; extra == \\"dev\\"\\n"')
    )
    done = start(checkout, "quick")
    assert done.returncode == 1
    assert "no-such-thing" in done.stderr
    assert "installing the tools" in done.stderr


def run_with(checkout: Path, setup: str) -> subprocess.CompletedProcess[str]:
    """The entry in an interpreter that ``setup`` made different."""
    start = f"sys.argv = ['e2e', 'quick']; runpy.run_path({str(checkout / 'e2e')!r}, run_name='__main__')"
    code = f"{setup}\nimport runpy, sys; {start}"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_an_old_python_is_refused_in_one_sentence(checkout: Path) -> None:
    done = run_with(checkout, "import sys; sys.version_info = (3, 9, 2)")
    assert done.returncode == 1
    assert done.stderr == "e2e: Python 3.11 or newer is needed and this is 3.9.2: try `python3.11 e2e`.\n"


def test_a_python_without_ensurepip_is_refused_with_the_package_to_install(checkout: Path) -> None:
    setup = (
        "import importlib.util as u; real = u.find_spec; "
        "u.find_spec = lambda name, *a: None if name == 'ensurepip' else real(name, *a)"
    )
    done = run_with(checkout, setup)
    assert done.returncode == 1
    assert "apt-get install python3." in done.stderr
    assert done.stderr.count("\n") == 1
