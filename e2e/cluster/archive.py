"""Images of one layer, written as an archive that containerd and buildah read, without a builder."""

import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def layer(programs: Mapping[str, bytes]) -> bytes:
    """Pack a layer of executables, path to content; the same bytes for the same input."""
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w") as tar:
        for path, content in sorted(programs.items()):
            _add(tar, path, content, mode=0o755)
    return output.getvalue()


def write(path: Path, name: str, content: bytes | Path, config: Mapping[str, Any]) -> None:
    """Write an image called `name` whose only layer is `content`: bytes, or an uncompressed tar file."""
    partial = path.with_name(f".{path.name}")
    description = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": dict(config),
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{_digest(content)}"]},
            "history": [{"created_by": "llmfleet"}],  # buildah refuses to build twice on a layer without one
        }
    ).encode()
    manifest = json.dumps([{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]).encode()
    with tarfile.open(partial, "w") as tar:
        _add(tar, "manifest.json", manifest)
        _add(tar, "config.json", description)
        if isinstance(content, Path):
            tar.add(content, "layer.tar")
        else:
            _add(tar, "layer.tar", content)
    shutil.move(partial, path)


def _add(tar: tarfile.TarFile, path: str, content: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(path)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))


def _digest(content: bytes | Path) -> str:
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    with content.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
