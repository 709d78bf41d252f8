"""The test cluster's binaries are compiled by one command at a time, whoever else asks for them meanwhile."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from e2e.cluster import build, layout
from e2e.cluster.errors import ClusterError
from e2e.cluster.layout import Profile
from e2e.cluster.progress import Silent
from e2e.cluster.versions import Source

GO = """#!{python}
import json, sys, time
from pathlib import Path

with open({log!r}, "a") as log:
    log.write(json.dumps(sys.argv[1:]) + "\\n")
match sys.argv[1:]:
    case ["version"]:
        print("go version go1.99.0 linux/amd64")
    case ["mod", "download", *_]:
        print(json.dumps({{"GoMod": {module!r}, "Dir": str(Path({module!r}).parent)}}))
    case ["build", *_]:
        if {broken}:
            sys.exit("no space left on device")
        time.sleep(0.2)  # Long enough for another build to come in between.
        for package in sys.argv[sys.argv.index("-o") + 2 :]:
            Path(sys.argv[sys.argv.index("-o") + 1], package.rsplit("/", 1)[-1]).touch()
"""


def compiler(folder: Path, monkeypatch: pytest.MonkeyPatch, *, broken: bool = False) -> Path:
    """A compiler that makes empty files; return where it writes down what it was asked."""
    (folder / "bin").mkdir()
    (folder / "go.mod").touch()
    log, go = folder / "log", folder / "bin" / "go"
    go.write_text(GO.format(python=sys.executable, log=str(log), module=str(folder / "go.mod"), broken=broken))
    go.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder / "bin"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    return log


def builds(log: Path) -> list[list[str]]:
    return [asked for line in log.read_text().splitlines() if (asked := json.loads(line))[0] == "build"]


def test_two_at_once_build_once_and_both_find_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = compiler(tmp_path, monkeypatch)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: build.build(Profile.API, Silent()), range(2)))
    assert build.missing(Profile.API) == frozenset()
    assert len(builds(log)) == 2, "one for each of the two modules that the profile needs"


def test_what_is_there_is_not_built_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = compiler(tmp_path, monkeypatch)
    build.build(Profile.API, Silent())
    (layout.bin_dir() / "kubectl").unlink()
    build.build(Profile.API, Silent())
    assert [package.rsplit("/", 1)[-1] for package in builds(log)[-1][-1:]] == ["kubectl"]


def test_another_source_is_built_once_into_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = compiler(tmp_path, monkeypatch)
    source = Source("other", (("example.org/other", "v1.2.3"),), {"tool": "example.org/other/cmd/tool"})
    for _ in range(2):
        build.build_source(source, tmp_path / "own", Silent())
    assert [each.name for each in (tmp_path / "own").iterdir()] == ["tool"]
    assert len(builds(log)) == 1
    assert not layout.bin_dir().exists()


def test_a_modules_files_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = compiler(tmp_path, monkeypatch)
    assert build.module_folder("example.org/other", "v1.2.3", Silent()) == tmp_path
    assert json.loads(log.read_text().splitlines()[-1])[-1] == "example.org/other@v1.2.3"


def test_a_build_that_fails_says_the_compilers_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiler(tmp_path, monkeypatch, broken=True)
    with pytest.raises(ClusterError, match="no space left on device"):
        build.build(Profile.API, Silent())
    assert "kubectl" in build.missing(Profile.API)
