"""header.py: hostile and broken files are refused before anything of their size is read."""

import json
import struct

import pytest

from llmfleet_runtime.header import BadHeader, Tensor, read_header, tensors

GOOD = {"__metadata__": {"format": "pt"}, "a": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 12]}}


def write(path, header, data=b"\0" * 12, length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


def test_names_types_and_shapes(tmp_path):
    assert read_header(write(tmp_path / "x", GOOD)) == {"a": Tensor("BF16", (2, 3))}


@pytest.mark.parametrize("length", [0, 1, 2**60, 2**63, 10_000])
def test_a_length_that_the_file_does_not_have_is_never_read(tmp_path, length):
    with pytest.raises(BadHeader, match="is cut or no safetensors file"):
        read_header(write(tmp_path / "x", GOOD, length=length))


@pytest.mark.parametrize("content", [b"", b"1234", b"PK\x03\x04" + b"\0" * 200])
def test_something_else_is_no_safetensors_file(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(BadHeader):
        read_header(tmp_path / "x")


def test_a_file_whose_end_is_missing_is_cut(tmp_path):
    with pytest.raises(BadHeader, match="8 bytes of data, and a tensor that ends at 12"):
        read_header(write(tmp_path / "x", GOOD, data=b"\0" * 8))


def entry(**changes):
    return json.dumps({"a": {**GOOD["a"], **changes}}).encode()


@pytest.mark.parametrize(
    "text",
    [
        b"{",
        b"[]",
        b'"text"',
        b'{"a": 1}',
        b'{"a": {}}',
        b"[" * 100_000,
        entry(data_offsets=[-4, 8]),
        entry(data_offsets=[12, 0]),
        entry(data_offsets=[0]),
        entry(data_offsets=["0", "12"]),
        entry(shape=[2, -3]),
        entry(shape=[True, 6]),
        entry(shape="2x3"),
        entry(shape=[2, 4]),
        entry(shape=[2**40, 2**40]),
    ],
)
def test_a_broken_header_is_refused(text):
    with pytest.raises(BadHeader):
        tensors(text, 12, "x")
