"""The tiny model as one GGUF file, as ggml's docs/gguf.md has the format. Standard library only.

llama.cpp wants the rows of the query and key projections in the order of its own rotary positions, numbers in 32 bits,
and the merges of a byte-level tokenizer as "a b".
"""

import json
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .model import CHAT_TEMPLATE, HEAD, HEADS, KEY_VALUE_HEADS

ALIGNMENT = 32
F32 = 0
NORMAL, CONTROL, UNUSED = 1, 3, 5
"""Kinds of tokens (llama.h, llama_token_attr)."""

_OUTER = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
_INNER = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
_PERMUTED = {"self_attn.q_proj": HEADS, "self_attn.k_proj": KEY_VALUE_HEADS}


def tiny_gguf(target: Path, model: Path) -> Path:
    """Write the tiny model in ``model`` as the file ``target`` and return it; the same bytes every time."""
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    tokenizer = json.loads((model / "tokenizer.json").read_text(encoding="utf-8"))["model"]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(_file(_metadata(config) | _vocabulary(tokenizer), _tensors(model / "model.safetensors")))
    return target


def _metadata(config: Mapping[str, Any]) -> dict[str, Any]:
    shape = {
        "context_length": config["max_position_embeddings"],
        "embedding_length": config["hidden_size"],
        "block_count": config["num_hidden_layers"],
        "feed_forward_length": config["intermediate_size"],
        "attention.head_count": config["num_attention_heads"],
        "attention.head_count_kv": config["num_key_value_heads"],
        "attention.key_length": config["head_dim"],
        "attention.value_length": config["head_dim"],
        "attention.layer_norm_rms_epsilon": config["rms_norm_eps"],
        "rope.dimension_count": config["head_dim"],
        "rope.freq_base": config["rope_theta"],
        "vocab_size": config["vocab_size"],
    }
    named = {f"llama.{name}": value for name, value in shape.items()}
    return {"general.architecture": "llama", "general.name": "tiny", "general.file_type": F32} | named


def _vocabulary(tokenizer: Mapping[str, Any]) -> dict[str, Any]:
    pieces = list(tokenizer["vocab"])
    kinds = [CONTROL if number < 3 else UNUSED if piece.startswith("<unused") else NORMAL
             for number, piece in enumerate(pieces)]  # fmt: skip
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "default",
        "tokenizer.ggml.tokens": pieces,
        "tokenizer.ggml.token_type": kinds,
        "tokenizer.ggml.merges": [" ".join(pair) for pair in tokenizer["merges"]],
        "tokenizer.ggml.bos_token_id": 0,
        "tokenizer.ggml.eos_token_id": 1,
        "tokenizer.ggml.padding_token_id": 2,
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.chat_template": CHAT_TEMPLATE,
    }


Tensor = tuple[tuple[int, ...], bytes]


def _tensors(path: Path) -> dict[str, Tensor]:
    raw = path.read_bytes()
    (length,) = struct.unpack_from("<Q", raw)
    header = json.loads(raw[8 : 8 + length])
    del header["__metadata__"]
    return dict(
        _converted(name, each["shape"], raw[8 + length :], each["data_offsets"]) for name, each in header.items()
    )


def _converted(name: str, shape: list[int], data: bytes, offsets: list[int]) -> tuple[str, Tensor]:
    """Upper halves of 32-bit floats become whole ones; a row is a row."""
    begin, end = offsets
    whole = b"".join(b"\0\0" + data[at : at + 2] for at in range(begin, end, 2))
    stem = name.removesuffix(".weight")
    if stem in _OUTER:
        return f"{_OUTER[stem]}.weight", (tuple(shape), whole)
    _, _, layer, inner = stem.split(".", 3)
    heads = _PERMUTED.get(inner)
    values = _rotary(whole, heads, shape[1]) if heads else whole
    return f"blk.{layer}.{_INNER[inner]}.weight", (tuple(shape), values)


def _rotary(data: bytes, heads: int, columns: int) -> bytes:
    """Each head's rows, which come as two halves, one from each in turn."""
    size, half = 4 * columns, HEAD // 2
    order = (head * HEAD + part * half + row for head in range(heads) for row in range(half) for part in range(2))
    return b"".join(data[row * size : (row + 1) * size] for row in order)


def _file(metadata: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata))
    head += b"".join(_text(key) + _typed(value) for key, value in metadata.items())
    body = b""
    for name, (shape, data) in tensors.items():
        # Its innermost dimension comes first.
        head += _text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *reversed(shape), F32, len(body))
        body += data + b"\0" * (-len(data) % ALIGNMENT)
    return head + b"\0" * (-len(head) % ALIGNMENT) + body


def _text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def _typed(value: Any) -> bytes:
    if isinstance(value, list):
        code, _ = _scalar(value[0])
        return struct.pack("<IIQ", 9, code, len(value)) + b"".join(_each(value))
    code, data = _scalar(value)
    return struct.pack("<I", code) + data


def _each(values: Iterable[Any]) -> Iterable[bytes]:
    return (_scalar(value)[1] for value in values)


def _scalar(value: Any) -> tuple[int, bytes]:
    """The number of the type, and the bytes."""
    if isinstance(value, bool):
        return 7, struct.pack("<?", value)
    if isinstance(value, int):
        return 4, struct.pack("<I", value)
    if isinstance(value, float):
        return 6, struct.pack("<f", value)
    return 8, _text(value)
