"""The project's own tiny model: a random Llama with its tokenizer, about 1.5 MB, written with the standard library.

Half a million weights in bfloat16: 2 layers, hidden size 128, 4 heads of 32, 2 key-value heads, 8,192 positions.
It speaks made-up syllables and never ends by itself (see ``LOUD``), so a request gets exactly ``max_tokens``
tokens; the same text every time at temperature 0.
"""

import array
import json
import random
import string
import struct
import sys
from pathlib import Path

VOCABULARY = 1024
HIDDEN = 128
LAYERS = 2
HEADS = 4
KEY_VALUE_HEADS = 2
HEAD = 32
INNER = 256
POSITIONS = 8192
SEED = 20261121
SCALE = 0.05

LOUD = 4.0
"""Component 0 of every embedding. It survives the norms, so column 0 of the last matrix acts as a bias."""
SILENCE = -4.0
"""That bias for tokens that shall never come: the end, and loose bytes, which could garble a terminal."""

SPECIAL = ("<s>", "</s>", "<pad>")
CHAT_TEMPLATE = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant:"

Shape = tuple[int, ...]


def tiny_model(target: Path) -> Path:
    """Write the model into ``target`` (made if missing) and return it; the same bytes every time."""
    target.mkdir(parents=True, exist_ok=True)
    vocabulary, merges = _tokens()
    _write_json(target / "tokenizer.json", _tokenizer(vocabulary, merges))
    _write_json(target / "tokenizer_config.json", _tokenizer_config())
    _write_json(target / "config.json", _config())
    _write_json(target / "generation_config.json", {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2})
    _write_safetensors(target / "model.safetensors", _weights(vocabulary))
    return target


def tiny_scorer(target: Path, scores: int = 1) -> Path:
    """The same with scores in the place of the vocabulary: with one it judges pairs of texts, with more it sorts."""
    tiny_model(target)
    vocabulary, _ = _tokens()
    tensors = _weights(vocabulary)
    shape, rows = tensors.pop("lm_head.weight")
    # Any row but the first columns' bias is as good as another.
    tensors["score.weight"] = ((scores, shape[1]), rows[-2 * scores * shape[1] :])
    _write_safetensors(target / "model.safetensors", tensors)
    labels = {str(number): f"score {number}" for number in range(scores)}
    config = _config() | {"architectures": ["LlamaForSequenceClassification"], "id2label": labels}
    _write_json(target / "config.json", config)
    return target


def _byte_characters() -> list[str]:
    """The printable stand-ins that byte-level tokenizers use for the 256 bytes, in byte order."""
    kept = {*range(33, 127), *range(161, 173), *range(174, 256)}
    spare = iter(range(256, 512))
    return [chr(byte) if byte in kept else chr(next(spare)) for byte in range(256)]


def _tokens() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Special tokens, the bytes, then merges: syllables, syllables after a blank, pairs of letters."""
    pieces = [*SPECIAL, *sorted(_byte_characters())]
    known, merges = set(pieces), []
    vowels, letters = "aeiou", string.ascii_lowercase
    syllables = [(first, second) for first in letters for second in vowels if first not in vowels]
    blank = _byte_characters()[32]
    others = [(first, second) for first in letters for second in letters]
    pairs = [*syllables, *((blank, first + second) for first, second in syllables), *others]
    for first, second in pairs:
        if len(pieces) < VOCABULARY and first + second not in known:
            pieces.append(first + second)
            known.add(first + second)
            merges.append((first, second))
    pieces += [f"<unused{number}>" for number in range(VOCABULARY - len(pieces))]
    return {piece: number for number, piece in enumerate(pieces)}, merges


def _tokenizer(vocabulary: dict[str, int], merges: list[tuple[str, str]]) -> dict[str, object]:
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0",
        "added_tokens": [{"id": number, "content": text, **plain} for number, text in enumerate(SPECIAL)],
        "pre_tokenizer": byte_level,
        "decoder": byte_level,
        "model": {"type": "BPE", "vocab": vocabulary, "merges": [list(pair) for pair in merges]},
    }


def _tokenizer_config() -> dict[str, object]:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": SPECIAL[0],
        "eos_token": SPECIAL[1],
        "pad_token": SPECIAL[2],
        "model_max_length": POSITIONS,
        "clean_up_tokenization_spaces": False,
        "chat_template": CHAT_TEMPLATE,
    }


def _config() -> dict[str, object]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "torch_dtype": "bfloat16",
        "bos_token_id": 0,
        "eos_token_id": 1,
        "pad_token_id": 2,
        "vocab_size": VOCABULARY,
        "hidden_size": HIDDEN,
        "intermediate_size": INNER,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KEY_VALUE_HEADS,
        "head_dim": HEAD,
        "max_position_embeddings": POSITIONS,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-6,
        "rope_theta": 10000.0,
        "initializer_range": SCALE,
        "tie_word_embeddings": False,
    }


def _weights(vocabulary: dict[str, int]) -> dict[str, tuple[Shape, bytes]]:
    """Every tensor by name: its shape and its bfloat16 bytes."""
    source = random.Random(SEED)  # noqa: S311 because the same weights every time are the point

    def noise(*shape: int) -> list[float]:
        rows, columns = shape
        return [source.uniform(-SCALE, SCALE) for _ in range(rows * columns)]

    embedding = noise(VOCABULARY, HIDDEN)
    embedding[::HIDDEN] = [LOUD] * VOCABULARY
    last = [weight * 10 for weight in noise(VOCABULARY, HIDDEN)]
    last[::HIDDEN] = [0.0 if _is_spoken(piece) else SILENCE for piece in vocabulary]
    tensors: dict[str, tuple[Shape, list[float]]] = {"model.embed_tokens.weight": ((VOCABULARY, HIDDEN), embedding)}
    for layer in range(LAYERS):
        for name, shape in _layer_shapes().items():
            values = noise(*shape) if len(shape) > 1 else [1.0] * HIDDEN
            tensors[f"model.layers.{layer}.{name}.weight"] = (shape, values)
    tensors["model.norm.weight"] = ((HIDDEN,), [1.0] * HIDDEN)
    tensors["lm_head.weight"] = ((VOCABULARY, HIDDEN), last)
    return {name: (shape, _bfloat16(values)) for name, (shape, values) in tensors.items()}


def _layer_shapes() -> dict[str, Shape]:
    return {
        "self_attn.q_proj": (HEADS * HEAD, HIDDEN),
        "self_attn.k_proj": (KEY_VALUE_HEADS * HEAD, HIDDEN),
        "self_attn.v_proj": (KEY_VALUE_HEADS * HEAD, HIDDEN),
        "self_attn.o_proj": (HIDDEN, HEADS * HEAD),
        "mlp.gate_proj": (INNER, HIDDEN),
        "mlp.up_proj": (INNER, HIDDEN),
        "mlp.down_proj": (HIDDEN, INNER),
        "input_layernorm": (HIDDEN,),
        "post_attention_layernorm": (HIDDEN,),
    }


def _is_spoken(piece: str) -> bool:
    blank = _byte_characters()[32]
    text = piece.removeprefix(blank)
    return len(text) > 1 and text.isascii() and text.isalpha() and text[1] in "aeiou"


def _bfloat16(values: list[float]) -> bytes:
    """Upper halves of the little-endian 32-bit floats."""
    floats = array.array("f", values)
    if sys.byteorder == "big":
        floats.byteswap()
    raw = floats.tobytes()
    halves = bytearray(len(raw) // 2)
    halves[0::2], halves[1::2] = raw[2::4], raw[3::4]
    return bytes(halves)


def _write_safetensors(path: Path, tensors: dict[str, tuple[Shape, bytes]]) -> None:
    """Eight bytes of header length, the header as JSON, the tensors one after the other."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, (shape, data) in tensors.items():
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data for _, data in tensors.values()))


def _write_json(path: Path, document: dict[str, object]) -> None:
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
