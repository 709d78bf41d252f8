"""The operator's and the runtime's images, built from the project's own files, named after their content.

A name says what is inside, so a changed image is a changed manifest and an unchanged one is neither
built nor imported again. Wheels are fetched outside the build with the machine's own pip settings,
so the build itself needs no network.
"""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster import Cluster, ClusterError, images, layout

ROOT = Path(__file__).resolve().parent.parent.parent
CONSTRAINTS = ROOT / "e2e" / "constraints.txt"
COMMON = ("pyproject.toml", "README.md", "LICENSE", "operator/llmfleet", "runtime/llmfleet_runtime")


@dataclass(frozen=True, slots=True)
class Image:
    """One image of the project, named as the folder of its Containerfile."""

    name: str

    @property
    def repository(self) -> str:
        """Its name without a tag."""
        return f"localhost/llmfleet/{self.name}"

    def inputs(self) -> tuple[str, ...]:
        """What the build may read, relative to the repository's root."""
        return (*COMMON, f"{self.name}/Containerfile")

    def tag(self) -> str:
        """Ten digits over every input and the pins."""
        digest = hashlib.sha256(CONSTRAINTS.read_bytes() + ENGINE_FILE.read_bytes())
        for path in files(self.inputs()):
            digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
        return digest.hexdigest()[:10]


OPERATOR = Image("operator")
RUNTIME = Image("runtime")
ENGINE = "localhost/llmfleet/engine:host"
ENGINE_FILE = Path(__file__).with_name("engine.Containerfile")


def files(inputs: tuple[str, ...]) -> Iterator[Path]:
    """Every file among the inputs, in a fixed order, compiled Python aside."""
    for name in inputs:
        path = ROOT / name
        found = sorted(path.rglob("*")) if path.is_dir() else [path]
        yield from (file for file in found if file.is_file() and "__pycache__" not in file.parts)


def build_operator() -> Path:
    """Build what is missing and return the archive; seconds when nothing changed."""
    context = stage(OPERATOR)
    name = f"{OPERATOR.repository}:{OPERATOR.tag()}"
    arguments, volumes = {"WHEELS": "/wheels"}, {wheels(): "/wheels"}
    return images.build(context / "operator" / "Containerfile", context, name, arguments, volumes)


def build_runtime(engine: Path) -> Path:
    """Build what is missing on top of a stand-in for the engine's image, and return the archive."""
    below = cache() / "context-engine"
    shutil.rmtree(below, ignore_errors=True)
    below.mkdir()
    shutil.copyfile(ENGINE_FILE, below / "Containerfile")
    images.build(below / "Containerfile", below, ENGINE, {"ENGINE": str(engine)})
    context = stage(RUNTIME)
    name = f"{RUNTIME.repository}:{RUNTIME.tag()}"
    return images.build(context / "runtime" / "Containerfile", context, name, {"BASE": ENGINE})


def stage(image: Image) -> Path:
    """A folder with exactly the image's inputs, so that nothing else of the checkout counts as a change."""
    context = cache() / f"context-{image.name}"
    shutil.rmtree(context, ignore_errors=True)
    for file in files(image.inputs()):
        target = context / file.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    return context


def wheels() -> Path:
    """A folder with everything that the operator needs and what builds its own wheel, fetched once per set of pins."""
    digest = hashlib.sha256((ROOT / "pyproject.toml").read_bytes() + CONSTRAINTS.read_bytes()).hexdigest()[:10]
    folder = cache() / f"wheels-{digest}"
    if not folder.exists():
        partial = folder.with_name(f".{folder.name}")
        shutil.rmtree(partial, ignore_errors=True)
        command = [sys.executable, "-m", "pip", "wheel", "--disable-pip-version-check", "--no-input"]
        command += ["--wheel-dir", str(partial), "-c", str(CONSTRAINTS), f"{ROOT}[operator]", "hatchling"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ClusterError(f"Fetching wheels for the operator's image failed: {done.stderr[-1000:].strip()}")
        for own in partial.glob("llmfleet-*.whl"):
            # Built into the image from its sources, which change more often than these.
            own.unlink()
        partial.rename(folder)
    return folder


def load(cluster: Cluster, image: Image, archive: Path) -> str:
    """Import the archive unless the node has it; return the image's full name."""
    name = f"{image.repository}:{image.tag()}"
    stamp = cluster.run_dir / "images" / f"{image.name}-{image.tag()}"
    if not stamp.exists():
        cluster.load_image(archive)
        stamp.parent.mkdir(exist_ok=True)
        stamp.touch()
    return name


def cache() -> Path:
    """Where contexts and wheels lie."""
    folder = layout.cache() / "stack"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
