"""Pure: which of a model's files are fetched: weights that cannot hold code, and what an engine reads beside them."""

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from llmfleet_runtime.source import DownloadReason, ModelFiles, SourceRefused

from .store import File

SAFE_WEIGHTS = (".safetensors", ".gguf")
PICKLED = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".npz", ".mar")
"""Files that run code when they are loaded, or may. (Python's pickle documentation, numpy's ``allow_pickle``.)"""
UNUSED = (".h5", ".msgpack", ".onnx", ".onnx_data", ".ot", ".tflite", ".mlmodel", ".py", ".pyc", ".so", ".zip")
"""Weights of other frameworks, and code."""
UNUSED_FOLDERS = ("original/*", ".*", "*/.*")
COMPANION = re.compile("mmproj|imatrix|mtp-|eagle3-|dflash-|dspark-")
"""In the names of GGUF files that lie beside a model: projectors of pictures, importance matrices, drafts. The rule is
llama.cpp's own for what it takes from a repository (common/download.cpp, gguf_filename_is_model)."""
_PART = re.compile(r"-\d{5}-of-\d{5}(?=\.gguf$)")


def pick(files: Iterable[File], wanted: ModelFiles) -> tuple[File, ...]:
    """The files to fetch.

    Raises ``SourceRefused`` when none of them are weights, only unsafe ones are, or they are several models.
    """
    there = tuple(files)
    asked = [file for file in there if file.is_archive or _is_asked(file.name, wanted)]
    chosen = tuple(file for file in asked if _is_safe(file.name) or file.is_archive)
    if not any(file.name.endswith(SAFE_WEIGHTS) or file.is_archive for file in chosen):
        raise _without_weights(there, asked)
    chosen = _without_second_format(chosen)
    entry(file.name for file in chosen)
    return chosen


def _is_asked(name: str, wanted: ModelFiles) -> bool:
    if any(fnmatchcase(name, pattern) for pattern in wanted.exclude):
        return False
    if wanted.include:
        return any(fnmatchcase(name, pattern) for pattern in wanted.include)
    return not any(fnmatchcase(name, pattern) for pattern in UNUSED_FOLDERS)


def _is_safe(name: str) -> bool:
    is_inside = not name.startswith("/") and ".." not in PurePosixPath(name).parts
    return is_inside and not name.lower().endswith(PICKLED + UNUSED)


def _without_second_format(files: tuple[File, ...]) -> tuple[File, ...]:
    """A repository that has its weights as safetensors is not fetched a second time as GGUF."""
    if any(file.name.endswith(".safetensors") for file in files):
        return tuple(file for file in files if not file.name.endswith(".gguf"))
    return files


def _without_weights(there: tuple[File, ...], asked: list[File]) -> SourceRefused:
    pickled = sorted(file.name for file in asked if file.name.lower().endswith(PICKLED))
    if pickled:
        words = f"{pickled[0]} may hold code and there are no other weights; save them as safetensors or GGUF"
        return SourceRefused(DownloadReason.UNSAFE, words)
    if not there:
        return SourceRefused(DownloadReason.NOT_FOUND, "there are no files at model.uri")
    filtered = " that model.files lets through" if len(asked) < len(there) else ""
    words = f"there are {len(there)} files at model.uri, and no safetensors or GGUF file{filtered}"
    return SourceRefused(DownloadReason.NOT_FOUND, words)


def entry(names: Iterable[str]) -> str:
    """What the engine is told to load, below the model's folder: "" for the folder, or its one GGUF file.

    Raises ``SourceRefused`` when several could be meant.
    """
    there = sorted(names)
    models = gguf_models(there)
    if not models or any(name.endswith(".safetensors") for name in there):
        return ""
    if len(models) > 1:
        words = f"there are {len(models)} GGUF models; name one in model.files.include: {', '.join(models)[:300]}"
        raise SourceRefused(DownloadReason.NOT_FOUND, words)
    return models[0]


def gguf_models(names: Iterable[str]) -> tuple[str, ...]:
    """The GGUF models among files, of one in parts the first; a companion counts where there is nothing else."""
    files = sorted((name for name in names if name.endswith(".gguf")), reverse=True)
    found = tuple(sorted({_PART.sub("", name): name for name in files}.values()))
    return tuple(name for name in found if not COMPANION.search(PurePosixPath(name).name)) or found


def is_part_of(name: str, model: str) -> bool:
    """Whether a file is this GGUF model, or one of several that it is split into."""
    return _PART.sub("", name) == _PART.sub("", model)
