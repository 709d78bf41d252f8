"""Files that somebody broke, or made to break us, give ``BadModel`` and take no memory."""

import json
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmfleet_runtime.inspection import gguf, safetensors
from llmfleet_runtime.inspection.errors import BadModel
from llmfleet_runtime.inspection.folder import files_of
from llmfleet_runtime.inspection.model import Files, model_facts
from llmfleet_runtime.inspection.section import Section
from tests.unit.runtime.inspection import written
from tests.unit.runtime.inspection.written import LLAMA, section

FEW = 2**20
"""Bytes that a refusal may take, whatever the file claims."""

DEEP = b"[" * 200_000
WHOLE = written.safetensors({"model.embed_tokens.weight": ("BF16", (8, 4))})
HEAD = written.gguf({"general.architecture": "llama"}, {"token_embd.weight": (1, (4, 8))})


@pytest.mark.parametrize(
    ("file", "data"),
    [
        pytest.param("config.json", b"", id="empty"),
        pytest.param("config.json", b"{", id="cut"),
        pytest.param("config.json", b"[1]", id="no object"),
        pytest.param("config.json", b"\xff\xfe\x00", id="no text"),
        pytest.param("config.json", b'{"a":' + DEEP, id="too deep"),
        pytest.param("model.safetensors.index.json", DEEP, id="index too deep"),
        pytest.param("model.safetensors", b"1234567", id="no room for the length"),
        pytest.param("model.safetensors", struct.pack("<Q", 2**60), id="header of 2**60 bytes"),
        pytest.param("model.safetensors", struct.pack("<Q", 2**64 - 1), id="header of 2**64-1 bytes"),
        pytest.param("model.safetensors", struct.pack("<Q", 64) + b"{}", id="shorter than its header"),
        pytest.param("model.safetensors", WHOLE[:-1], id="a tensor is cut"),
        pytest.param("model.safetensors.header", struct.pack("<Q", 64) + b"{}", id="kept header is cut"),
        pytest.param("model.safetensors", struct.pack("<Q", len(DEEP)) + DEEP, id="header too deep"),
        pytest.param("model.gguf", b"GGML", id="another format"),
        pytest.param("model.gguf", HEAD[:-1], id="GGUF is cut"),
        pytest.param("model.gguf", b"GGUF" + struct.pack("<IQQ", 1, 0, 0), id="GGUF version 1"),
        pytest.param("model.gguf", b"GGUF" + struct.pack("<IQQ", 3, 2**60, 0), id="2**60 tensors"),
        pytest.param("model.gguf", b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 2**60), id="a key of 2**60 bytes"),
        pytest.param(
            "model.gguf",
            b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + written.text("a") + struct.pack("<IIQ", 9, 9, 2**60),
            id="a list of 2**60 lists",
        ),
    ],
)
def test_a_broken_file_is_refused_by_its_name_in_flat_memory(tmp_path: Path, file: str, data: bytes) -> None:
    (tmp_path / file).write_bytes(data)
    tracemalloc.start()
    try:
        with pytest.raises(BadModel, match=rf"^{file}"):
            files_of(tmp_path)
        assert tracemalloc.get_traced_memory()[1] < FEW + 3 * len(data)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("file", ["config.json", "model.safetensors.index.json"])
def test_a_text_beyond_its_limit_is_refused_unread(tmp_path: Path, file: str) -> None:
    with (tmp_path / file).open("wb") as sparse:
        sparse.truncate(2**30)
    with pytest.raises(BadModel, match=f"^{file}: is longer than"):
        files_of(tmp_path)


@pytest.mark.parametrize(
    "offsets", [[-2, 62], [0, -64], [64, 0], [0, 10**18], [0], ["0", "64"], [0.0, 64.0], [True, 64], None, [0, 63]]
)
def test_offsets_outside_the_file_or_against_the_shape_are_refused(offsets: Any) -> None:
    header = json.dumps({"x": {"dtype": "BF16", "shape": [8, 4], "data_offsets": offsets}}).encode()
    with pytest.raises(BadModel, match=r"^model\.safetensors"):
        list(safetensors.tensors("model.safetensors", header, 64))


@pytest.mark.parametrize(
    "header",
    [
        *({"x": each} for each in (1, "text", [], {})),
        *({"x": {"dtype": "BF16", "shape": each, "data_offsets": [0, 12]}} for each in ([2, -3], [True, 6], "2x3")),
        *({"x": {"dtype": "BF16", "shape": each, "data_offsets": [0, 12]}} for each in ([2, 4], [2**40, 2**40])),
    ],
    ids=str,
)
def test_a_tensor_that_is_not_described_is_refused(header: Any) -> None:
    with pytest.raises(BadModel, match=r"^a\.safetensors"):
        list(safetensors.tensors("a.safetensors", json.dumps(header).encode(), 64))


def test_the_right_offsets_are_taken() -> None:
    header = json.dumps({"x": {"dtype": "BF16", "shape": [8, 4], "data_offsets": [0, 64]}}).encode()
    assert list(safetensors.tensors("a", header, 64)) == [safetensors.Tensor("x", "BF16", (8, 4), 64)]


@pytest.mark.parametrize(
    "changed",
    [
        {"num_hidden_layers": 10**9},
        {"num_hidden_layers": 0},
        {"hidden_size": -1},
        {"hidden_size": "256"},
        {"hidden_size": 10**30},
        {"vocab_size": True},
        {"num_key_value_heads": [1, 2]},
        {"architectures": "LlamaForCausalLM"},
        {"torch_dtype": 16},
        {"layer_types": ["full_attention"] * 3, "sliding_window": 8},
        {"quantization_config": {"quant_method": 4}},
        {"quantization_config": {"quant_method": "gptq", "bits": -4}},
    ],
    ids=str,
)
def test_an_impossible_value_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(BadModel, match=r"^config.json"):
        model_facts(Files(frozenset(), config=section({**LLAMA, **changed})))


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadModel, match=r"neither a config\.json nor a GGUF file"):
        model_facts(files_of(tmp_path))


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)


@given(st.dictionaries(st.sampled_from([*LLAMA, "quantization_config", "rope_scaling", "text_config"]), VALUES))
def test_whatever_a_configuration_holds_it_gives_facts_or_a_refusal(changed: dict[str, Any]) -> None:
    try:
        found = model_facts(Files(frozenset(), config=Section("config.json", {**LLAMA, **changed})))
    except BadModel:
        return
    assert len(found.to_json()) < 4096


@given(st.binary(max_size=200), st.integers(0, len(HEAD)))
def test_whatever_bytes_come_gguf_gives_facts_or_a_refusal(noise: bytes, at: int) -> None:
    try:
        gguf.read("model.gguf", HEAD[:at] + noise)
    except BadModel:
        return


@given(st.binary(max_size=200), st.integers(0, len(WHOLE) - 8))
def test_whatever_bytes_come_a_safetensors_header_gives_tensors_or_a_refusal(noise: bytes, at: int) -> None:
    try:
        list(safetensors.tensors("model.safetensors", WHOLE[8 : 8 + at] + noise, 64))
    except BadModel:
        return
