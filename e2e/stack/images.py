"""The operator's and the runtime's images, built from the project's own files, named after their content.

A name says what is inside, so a changed image is a changed manifest and an unchanged one is neither
built nor imported again. Wheels are fetched outside the build with the machine's own pip settings,
so the build itself needs no network.
"""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from e2e.cluster import Cluster, ClusterError, images, layout
from e2e.engine import clients

ROOT = Path(__file__).resolve().parent.parent.parent
CONSTRAINTS = ROOT / "e2e" / "constraints.txt"
LLAMACPP_FILE = "runtime/llamacpp.Containerfile"
QUANTIZE_FILE = "runtime/quantize.Containerfile"
INPUTS = {
    "operator": (
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "operator/llmfleet",
        "runtime/llmfleet_runtime",
        "operator/Containerfile",
    ),
    "runtime": ("runtime/llmfleet_runtime", "runtime/clients.txt", "runtime/Containerfile"),
    "llamacpp": ("runtime/llmfleet_runtime", "runtime/clients.txt", "runtime/launcher.txt", LLAMACPP_FILE),
    "quantize": ("runtime/llmfleet_runtime", "runtime/quantize.txt", QUANTIZE_FILE),
}
"""What each image is made from."""


class Built(NamedTuple):
    """An image as manifests name it, and the archive that holds it."""

    name: str
    archive: Path


ENGINE = "localhost/llmfleet/engine:host"
LLAMACPP = "localhost/llmfleet/engine-llamacpp:host"
COMPRESSOR = "localhost/llmfleet/engine-compressor:host"
ENGINE_FILE = Path(__file__).with_name("engine.Containerfile")


def build_operator() -> Built:
    """Build what is missing; seconds when nothing changed."""
    context = stage("operator")
    name = f"localhost/llmfleet/operator:{tag(context)}"
    arguments, volumes = {"WHEELS": "/wheels"}, {wheels(): "/wheels"}
    return Built(name, images.build(context / "operator" / "Containerfile", context, name, arguments, volumes))


def build_runtime(engine: Path) -> Built:
    """Build what is missing on top of a stand-in for the engine's image."""
    _build_engine(ENGINE, engine)
    context = stage("runtime")
    name = f"localhost/llmfleet/runtime:{tag(context)}"
    arguments = {"BASE": ENGINE, "PLUGINS": "", "CLIENTS": ""}
    return Built(name, images.build(context / "runtime" / "Containerfile", context, name, arguments))


def build_llamacpp(engine: Path) -> Built:
    """The same on top of a stand-in for llama.cpp's image; this one brings the launcher's Python itself."""
    _build_engine(LLAMACPP, engine)
    context = stage("llamacpp")
    name = f"localhost/llmfleet/runtime-llamacpp:{tag(context)}"
    arguments, volumes = {"BASE": LLAMACPP, "PACKAGES": "", "WHEELS": "/wheels"}, {launcher_wheels(): "/wheels"}
    return Built(name, images.build(context / LLAMACPP_FILE, context, name, arguments, volumes))


def build_quantize(compressor: Path) -> Built:
    """The same for Jobs that make checkpoints, on top of a stand-in for an image with llm-compressor."""
    _build_engine(COMPRESSOR, compressor)
    name = quantize_name()
    arguments = {"BASE": COMPRESSOR, "LIBRARIES": ""}
    context = stage("quantize")
    return Built(name, images.build(context / QUANTIZE_FILE, context, name, arguments))


def quantize_name() -> str:
    """What the operator of the stack is told; whoever has a checkpoint made builds and loads it."""
    return f"localhost/llmfleet/quantize:{tag(stage('quantize'))}"


def _build_engine(name: str, engine: Path) -> None:
    context = empty_context("engine")
    shutil.copyfile(ENGINE_FILE, context / "Containerfile")
    images.build(context / "Containerfile", context, name, {"ENGINE": str(engine), "CLIENTS": str(clients())})


def stage(image: str) -> Path:
    """A folder with exactly the image's inputs: nothing else is a change, and edits meanwhile do not mix in."""
    context = empty_context(image)
    for name in INPUTS[image]:
        source, target = ROOT / name, context / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, target)
    # Part of the tag, so that other pins or another engine make another image.
    (context / "pins").write_bytes(CONSTRAINTS.read_bytes() + ENGINE_FILE.read_bytes())
    return context


def empty_context(name: str) -> Path:
    """An empty folder for a build to read."""
    context = cache() / f"context-{name}"
    shutil.rmtree(context, ignore_errors=True)
    context.mkdir()
    return context


def tag(context: Path) -> str:
    """Ten digits over the names and contents of all files."""
    digest = hashlib.sha256()
    for path in sorted(file for file in context.rglob("*") if file.is_file()):
        digest.update(str(path.relative_to(context)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:10]


def wheels() -> Path:
    """A folder with everything that the operator needs and what builds its own wheel."""
    folder = fetched((ROOT / "pyproject.toml", CONSTRAINTS), ("-c", str(CONSTRAINTS), f"{ROOT}[operator]", "hatchling"))
    for own in folder.glob("llmfleet-*.whl"):
        # Built into the image from its sources, which change more often than these.
        own.unlink()
    return folder


def launcher_wheels() -> Path:
    """A folder with what the launcher needs where its image's engine does not bring it, and the clients of stores."""
    files = tuple(ROOT / "runtime" / name for name in ("launcher.txt", "clients.txt"))
    return fetched(files, ("--no-deps", *(word for file in files for word in ("-r", str(file)))))


def fetched(files: Sequence[Path], wanted: Sequence[str]) -> Path:
    """A folder with these wheels, fetched once for each content of the files that name them."""
    folder = cache() / f"wheels-{hashlib.sha256(b''.join(file.read_bytes() for file in files)).hexdigest()[:10]}"
    if not folder.exists():
        partial = folder.with_name(f".{folder.name}")
        shutil.rmtree(partial, ignore_errors=True)
        command = [sys.executable, "-m", "pip", "wheel", "--disable-pip-version-check", "--no-input"]
        done = subprocess.run(
            [*command, "--wheel-dir", str(partial), *wanted], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise ClusterError(f"Fetching wheels for an image failed: {done.stderr[-1000:].strip()}")
        partial.rename(folder)
    return folder


def load(cluster: Cluster, built: Built) -> str:
    """Import the image unless the node has it; return its name."""
    stamp = cluster.run_dir / "images" / built.name.rpartition("/")[2].replace(":", "-")
    if not stamp.exists():
        cluster.load_image(built.archive)
        stamp.parent.mkdir(exist_ok=True)
        stamp.touch()
    return built.name


def cache() -> Path:
    """Where contexts and wheels lie."""
    folder = layout.cache() / "stack"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
