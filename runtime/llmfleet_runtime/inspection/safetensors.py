"""The header of a safetensors file: eight bytes of length, then JSON, as the format's README has it."""

from collections.abc import Iterator
from math import prod
from typing import NamedTuple, TypeGuard

from .errors import BadModel
from .section import Section

LENGTH_BYTES = 8
MOST_HEADER_BYTES = 32 * 2**20
"""The format allows 100 MB; the header of a model with 100,000 tensors in one file is 12 MB."""

BITS = {"F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "F16": 16, "BF16": 16, "F32": 32, "F64": 64, "C64": 64}
BITS |= dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8)
BITS |= {f"{sign}{bits}": bits for sign in "IU" for bits in (16, 32, 64)}


class Tensor(NamedTuple):
    """A tensor without its numbers."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    bytes: int

    @property
    def elements(self) -> int:
        """How many numbers it has."""
        return prod(self.shape)


def header_bytes(file: str, first: bytes, file_bytes: int) -> int:
    """The length that the first eight bytes announce."""
    if len(first) < LENGTH_BYTES:
        raise BadModel(f"{file} is cut: it ends within its first {LENGTH_BYTES} bytes")
    length = int.from_bytes(first[:LENGTH_BYTES], "little")
    if length > MOST_HEADER_BYTES:
        raise BadModel(f"{file}: its header claims {length} bytes; more than {MOST_HEADER_BYTES} are not read")
    if LENGTH_BYTES + length > file_bytes:
        raise BadModel(f"{file} is cut: its header claims {length} bytes and the file has {file_bytes}")
    return length


def tensors(file: str, header: bytes, body_bytes: int | None) -> Iterator[Tensor]:
    """Every tensor of the header. ``body_bytes`` is what follows it, None when that was not kept."""
    for name, entry in Section.parse(f"{file} header", header).values.items():
        if name == "__metadata__":
            continue
        if not isinstance(entry, dict):
            raise BadModel(f"{file}: {name[:80]!r} is described by no object")
        yield _tensor(file, name, Section(f"{file}: {name[:80]!r}", entry), body_bytes)


def _tensor(file: str, name: str, part: Section, body_bytes: int | None) -> Tensor:
    dtype, shape, offsets = part.text("dtype"), part.values.get("shape"), part.values.get("data_offsets")
    if dtype is None or not _are_sizes(shape) or not _are_sizes(offsets) or len(offsets) != 2:
        raise BadModel(f"{file}: {name[:80]!r} needs a dtype, a shape and two data_offsets that are not negative")
    begin, end = offsets
    if body_bytes is not None and end > body_bytes:
        raise BadModel(f"{file} is cut: {name[:80]!r} ends at {end} of {body_bytes} bytes")
    if begin > end:
        raise BadModel(f"{file}: {name[:80]!r} begins at {begin} and ends at {end}")
    found = Tensor(name, dtype, tuple(shape), end - begin)
    if dtype in BITS and found.elements * BITS[dtype] != found.bytes * 8:
        raise BadModel(f"{file}: {name[:80]!r} has {found.bytes} bytes, which its shape and dtype contradict")
    return found


def _are_sizes(value: object) -> TypeGuard[list[int]]:
    return isinstance(value, list) and len(value) <= 16 and all(type(each) is int and each >= 0 for each in value)
