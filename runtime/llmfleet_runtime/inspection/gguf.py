"""The head of a GGUF file: metadata and tensor descriptions, as ggml's docs/gguf.md has them.

The format's own Python reader maps whole files and brings numpy; what is needed here is a walk over the first bytes
that keeps numbers and short texts and steps over the vocabulary.
"""

import struct
from collections.abc import Iterator, Mapping
from math import prod

from .errors import BadModel, HeadCut
from .safetensors import Tensor

MOST_HEAD_BYTES = 64 * 2**20
"""Vocabularies of 256,000 tokens with their merges take about 12 MB."""

MOST_ENTRIES = 2**18
MOST_KEPT_ITEMS = 4096
"""Longer lists are vocabularies."""

_FORMATS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_STRING, _ARRAY = 8, 9

TYPES = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110), 12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210), 15: ("Q8_K", 256, 292), 16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98), 19: ("IQ1_S", 256, 50), 20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110), 22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136), 24: ("I8", 1, 1), 25: ("I16", 1, 2),
    26: ("I32", 1, 4), 27: ("I64", 1, 8), 28: ("F64", 1, 8), 29: ("IQ1_M", 256, 56), 30: ("BF16", 1, 2),
    34: ("TQ1_0", 256, 54), 35: ("TQ2_0", 256, 66), 39: ("MXFP4", 32, 17),
}  # fmt: skip
"""Number of a type -> its name, the elements of a block, the bytes of a block. (ggml.h, ggml-common.h)"""

Value = int | float | bool | str | list["Value"] | None


class _Cursor:
    def __init__(self, file: str, data: bytes) -> None:
        self.file, self.data, self.at = file, memoryview(data), 0

    def take(self, length: int) -> memoryview:
        if length > len(self.data) - self.at:
            raise HeadCut(f"{self.file}: its head ends early, or is longer than the {MOST_HEAD_BYTES} bytes read")
        self.at += length
        return self.data[self.at - length : self.at]

    def scalar(self, kind: int) -> int | float | bool:
        form = _FORMATS[kind]
        (value,) = struct.unpack(form, self.take(struct.calcsize(form)))
        return value  # type: ignore[no-any-return]  # because struct knows no types

    def size(self) -> int:
        return int(self.scalar(10))

    def string(self) -> str:
        return bytes(self.take(self.size())).decode(errors="replace")

    def value(self, kind: int, depth: int = 0) -> Value:
        if kind == _STRING:
            return self.string()[:MOST_KEPT_ITEMS]
        if kind == _ARRAY and depth < 2:
            return self._array(depth)
        if kind not in _FORMATS:
            raise BadModel(f"{self.file}: its metadata has a value of the unknown type {kind}")
        return self.scalar(kind)

    def _array(self, depth: int) -> Value:
        kind, count = int(self.scalar(4)), self.size()
        if kind in _FORMATS and count > MOST_KEPT_ITEMS:
            self.take(count * struct.calcsize(_FORMATS[kind]))
            return None
        kept: list[Value] = []
        for _ in range(count):
            item = self.value(kind, depth + 1)
            if count <= MOST_KEPT_ITEMS:
                kept.append(item)
        return kept if count <= MOST_KEPT_ITEMS else None


def read(file: str, head: bytes) -> tuple[Mapping[str, Value], tuple[Tensor, ...]]:
    """Metadata by key, and the tensors. A list too long to keep is there as None."""
    cursor = _Cursor(file, head)
    if bytes(cursor.take(4)) != b"GGUF":
        raise BadModel(f"{file}: does not begin with GGUF")
    version = int(cursor.scalar(4))
    if version not in (2, 3):
        raise BadModel(f"{file}: is GGUF version {version}; 2 and 3 are known")
    tensor_count, entry_count = cursor.size(), cursor.size()
    if max(tensor_count, entry_count) > MOST_ENTRIES:
        raise BadModel(f"{file}: claims {tensor_count} tensors and {entry_count} entries")
    metadata = {cursor.string()[:200]: cursor.value(int(cursor.scalar(4))) for _ in range(entry_count)}
    return metadata, tuple(_tensors(cursor, tensor_count))


def _tensors(cursor: _Cursor, count: int) -> Iterator[Tensor]:
    for _ in range(count):
        name, dimensions = cursor.string()[:200], int(cursor.scalar(4))
        if dimensions > 8:
            raise BadModel(f"{cursor.file}: {name[:80]!r} has {dimensions} dimensions")
        shape = tuple(cursor.size() for _ in range(dimensions))
        kind = int(cursor.scalar(4))
        cursor.size()  # the offset, which nothing here needs
        if kind not in TYPES:
            raise BadModel(f"{cursor.file}: {name[:80]!r} has the unknown type {kind}")
        dtype, block, block_bytes = TYPES[kind]
        yield Tensor(name, dtype, shape, prod(shape) // block * block_bytes)
