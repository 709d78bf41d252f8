"""Every route that an installed engine's server can have, and what one pod gets of them from another."""

import json
import re
import subprocess
from pathlib import Path

from e2e import engine
from e2e.stack import Fleet
from e2e.stack.kubectl import Document

VLLM_ROUTES = Path(__file__).parents[1] / "engine" / "routes.py"
LLAMACPP_LIBRARY = "lib/python*/site-packages/*/bin/libllama-server-impl.so"
TEXT = re.compile(rb"\0(/[a-z0-9/_:-]+)(?=\0)")
"""A path as the compiler lays it down."""


def of_vllm() -> set[str]:
    """As its own application lists them, with all that can be switched on."""
    python = engine.install() / "bin" / "python3"
    done = subprocess.run([python, VLLM_ROUTES], capture_output=True, text=True, check=True)
    return {path.replace("{", "").replace("}", "") for path, _ in json.loads(done.stdout.rpartition("ANSWER ")[2])}


def of_llamacpp() -> set[str]:
    """All paths in its program. One that is the end of another is laid down as that end alone."""
    (library,) = engine.llamacpp().glob(LLAMACPP_LIBRARY)
    paths = [match.decode() for match in TEXT.findall(library.read_bytes())]
    return {path[start.start() :] for path in paths for start in re.finditer("/", path)}


def crawled(fleet: Fleet, asked: Document, asking: Document, paths: set[str]) -> dict[str, int]:
    """What each method and path of one pod answers to a process in another pod."""
    script = Path(__file__).with_name("crawler.py").read_text(encoding="utf-8")
    place = ("exec", "-i", asking["metadata"]["name"], "--", "python3", "-c", script, asked["status"]["podIP"])
    found: dict[str, int] = json.loads(fleet.kubectl.run(*place, stdin=json.dumps(sorted(paths))))
    return found
