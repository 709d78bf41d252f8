"""Reads a model folder: small texts whole, of tensor files the header. Nothing is read beyond its limit."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from llmfleet_runtime.sources.pick import gguf_models, is_part_of

from .errors import BadModel
from .gguf import MOST_HEAD_BYTES
from .gguf import read as read_gguf
from .model import Files, GgufFile
from .safetensors import LENGTH_BYTES, Tensor, header_bytes, tensors
from .section import Section

MOST_TEXT_BYTES = 4 * 2**20
MOST_INDEX_BYTES = 32 * 2**20
"""The index of DeepSeek-V3, with 92,000 tensors, is 9 MB."""
MOST_FILES = 4096
KEPT_HEADER = ".header"
"""``NAME.safetensors.header``: the first bytes of a file that was left where it is, its header and nothing more."""


TEXTS = frozenset(
    ("config.json", "hf_quant_config.json", "tokenizer_config.json", "model.safetensors.index.json",
     "adapter_config.json")
)  # fmt: skip
"""What is read of a folder beside the heads of weights; of all other files the name is enough."""


def files_of(folder: Path) -> Files:
    """Raises ``BadModel`` for broken files and ``OSError`` for unreadable ones. A GGUF file may stand for a folder."""
    if folder.suffix == ".gguf" and folder.is_file():
        parts = sorted(each for each in folder.parent.glob("*.gguf") if is_part_of(each.name, folder.name))
        return Files(frozenset(each.name for each in parts), gguf=_gguf(parts))
    names = frozenset(sorted(each.name for each in folder.iterdir() if each.is_file()))
    if len(names) > MOST_FILES:
        raise BadModel(f"the folder has {len(names)} files; more than {MOST_FILES} are not read")
    index = _section(folder, "model.safetensors.index.json", MOST_INDEX_BYTES)
    headers = sorted(name for name in names if name.removesuffix(KEPT_HEADER).endswith(".safetensors"))
    models = gguf_models(names)
    ggufs = sorted(name for name in names if is_part_of(name, models[0])) if len(models) == 1 else []
    return Files(
        names=names,
        config=_section(folder, "config.json"),
        quant_config=_section(folder, "hf_quant_config.json"),
        tokenizer_config=_section(folder, "tokenizer_config.json"),
        index=index,
        tensors=tuple(each for name in headers for each in tensors_of(folder / name)) if headers else None,
        gguf=_gguf([folder / name for name in ggufs]) if ggufs else None,
        adapter_config=_section(folder, "adapter_config.json"),
        missing=tuple(sorted(_named(index) - {name.removesuffix(KEPT_HEADER) for name in headers})),
    )


def _section(folder: Path, name: str, most: int = MOST_TEXT_BYTES) -> Section | None:
    path = folder / name
    if not path.is_file():
        return None
    if path.stat().st_size > most:
        raise BadModel(f"{name}: is longer than the {most} bytes that are read")
    return Section.parse(name, _first(path, most))


def tensors_of(path: Path) -> Iterator[Tensor]:
    """Those of one safetensors file. Raises ``BadModel`` and ``OSError``."""
    size = path.stat().st_size
    # A header kept without its file cannot tell whether the tensors were all there.
    is_whole = not path.name.endswith(KEPT_HEADER)
    length = header_bytes(path.name, _first(path, LENGTH_BYTES), size)
    header = _first(path, LENGTH_BYTES + length)[LENGTH_BYTES:]
    return tensors(path.name, header, size - LENGTH_BYTES - length if is_whole else None)


def _gguf(parts: Sequence[Path]) -> GgufFile:
    """One model. The first of its parts has what all of them would say; each describes its own tensors."""
    heads = [read_gguf(path.name, _first(path, MOST_HEAD_BYTES)) for path in parts]
    return GgufFile(heads[0][0], tuple(tensor for _, tensors in heads for tensor in tensors))


def _first(path: Path, most: int) -> bytes:
    """A read takes as much memory as is asked for, so no more is asked for than there is."""
    with path.open("rb") as file:
        return file.read(min(most, path.stat().st_size))


def _named(index: Section | None) -> set[str]:
    weights = index.part("weight_map") if index else None
    return {name for name in weights.values.values() if isinstance(name, str)} if weights else set()
