"""The words of the failure dictionary stand in the installed engine, in the files it names."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmfleet.core.dictionary import CRASHES, Entry

PACKAGES = ("vllm/", "transformers/", "huggingface_hub/")
PUT_TOGETHER = ("AssertionError", "-9")
"""Of these words the file holds only parts: an exception's name, a dictionary."""
CITED = [
    each
    for each in CRASHES
    if each.source.startswith(PACKAGES)
    and ":" not in each.source
    and not any(part in each.words for part in PUT_TOGETHER)
]


@pytest.fixture(scope="session")
def packages(python: str) -> Path:
    """Where the engine's environment keeps its packages."""
    told = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    return Path(subprocess.run(told, capture_output=True, text=True, check=True).stdout.strip())


def texts(path: Path) -> Iterator[str]:
    """Every literal text of a source file, with a zero for each value that is filled in."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "0" for part in node.values)


@pytest.mark.proves("F33")
@pytest.mark.parametrize("entry", CITED, ids=lambda entry: entry.words)
def test_the_engine_still_says_so(packages: Path, entry: Entry) -> None:
    first, *others = entry.source.split(", ")
    files = [packages / first, *((packages / first).with_name(name) for name in others)]
    said = "\n".join(text.replace("\n", " ") for path in files for text in texts(path))
    filled = said.replace("{model}", "0").replace("%s", "0")
    assert re.search(entry.words, filled, re.IGNORECASE)
