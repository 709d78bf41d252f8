"""Reads what a safetensors file says of its tensors, never the tensors.

Source: the format's page in huggingface/safetensors: eight bytes of length, a JSON object, the data.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path

LARGEST_HEADER_BYTES = 64 * 2**20
LENGTH_BYTES = 8
ITEM_BITS = {"BOOL": 8, "U8": 8, "I8": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "U16": 16, "I16": 16, "F16": 16,
             "BF16": 16, "U32": 32, "I32": 32, "F32": 32, "U64": 64, "I64": 64, "F64": 64}  # fmt: skip


class BadHeader(ValueError):
    """The file is not what it says, or not whole."""


@dataclass(frozen=True)
class Tensor:
    """One tensor as its header describes it."""

    dtype: str
    shape: tuple[int, ...]


def read_header(path: Path) -> dict[str, Tensor]:
    """Every tensor of a file by name. Raises ``BadHeader``, and OSError when it cannot be read."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(LENGTH_BYTES), "little")
        if not 2 <= length <= min(size - LENGTH_BYTES, LARGEST_HEADER_BYTES):
            raise BadHeader(f"{path.name} is cut or no safetensors file: {size} bytes, a header of {length}")
        text = file.read(length)
    return tensors(text, size - LENGTH_BYTES - length, path.name)


def tensors(text: bytes, data_bytes: int, name: str) -> dict[str, Tensor]:
    """The tensors of a header in front of so many bytes of data. Raises ``BadHeader``."""
    try:
        entries = {key: value for key, value in json.loads(text).items() if key != "__metadata__"}
        found = {key: _tensor(value, data_bytes) for key, value in entries.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadHeader(f"{name} is cut or has a broken header: {str(error)[:100]}") from None
    return found


def _tensor(entry: dict[str, object], data_bytes: int) -> Tensor:
    shape, offsets, dtype = entry["shape"], entry["data_offsets"], entry["dtype"]
    if not (isinstance(shape, list) and all(type(each) is int and each >= 0 for each in shape)):
        raise ValueError(f"a shape is {shape}")
    if not (isinstance(offsets, list) and len(offsets) == 2 and all(type(each) is int for each in offsets)):
        raise ValueError(f"offsets are {offsets}")
    begin, end = offsets
    if not 0 <= begin <= end <= data_bytes:
        raise ValueError(f"{data_bytes} bytes of data, and a tensor that ends at {end}")
    bits = ITEM_BITS.get(str(dtype))
    if bits is not None and math.prod(shape) * bits != (end - begin) * 8:
        raise ValueError(f"a tensor of shape {shape} in {end - begin} bytes")
    return Tensor(str(dtype), tuple(shape))
