"""The tiny model with an eye: a random Idefics3, to which a picture is one token between marks. Standard library only.

Its language model is the tiny one, weight for weight; before it stand one layer of SigLIP over four patches and a
connector. Of the architectures that see, this is one that vLLM serves without torchvision (0.32).
"""

import json
import math
import random
from pathlib import Path
from typing import Any

from .model import (
    HIDDEN,
    SCALE,
    SEED,
    VOCABULARY,
    Shape,
    _bfloat16,
    _config,
    _tokens,
    _weights,
    _write_json,
    _write_safetensors,
    tiny_model,
)

MARKS = ("<image>", "<fake_token_around_image>", "<end_of_utterance>")
"""What the processor writes around pictures (transformers/models/idefics3); they take the last tokens' places."""
PICTURE = VOCABULARY - len(MARKS)
PIXELS, PATCH = 28, 14
PATCHES = (PIXELS // PATCH) ** 2
EYE, EYE_INNER = 32, 64
"""Hidden size of the tower, and of its inner layer."""


def tiny_vision_model(target: Path) -> Path:
    """Write the model into ``target`` (made if missing) and return it; the same bytes every time."""
    tiny_model(target)
    _add_marks(target / "tokenizer.json")
    _write_json(target / "config.json", _seeing_config())
    _write_json(target / "preprocessor_config.json", _pictures())
    _write_json(target / "processor_config.json", {"processor_class": "Idefics3Processor", "image_seq_len": 1})
    vocabulary, _ = _tokens()
    own = {name.replace("model.", "model.text_model.", 1): each for name, each in _weights(vocabulary).items()}
    _write_safetensors(target / "model.safetensors", own | _eye())
    return target


def _add_marks(path: Path) -> None:
    tokenizer = json.loads(path.read_text(encoding="utf-8"))
    model = tokenizer["model"]
    for number, mark in enumerate(MARKS, start=PICTURE):
        del model["vocab"]["".join(model["merges"].pop())]
        tokenizer["added_tokens"].append({**tokenizer["added_tokens"][0], "id": number, "content": mark})
    model["vocab"] |= {mark: number for number, mark in enumerate(MARKS, start=PICTURE)}
    _write_json(path, tokenizer)


def _seeing_config() -> dict[str, Any]:
    eye = {
        "model_type": "idefics3_vision",
        "hidden_size": EYE,
        "intermediate_size": EYE_INNER,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": PIXELS,
        "patch_size": PATCH,
    }
    return {
        "architectures": ["Idefics3ForConditionalGeneration"],
        "model_type": "idefics3",
        "torch_dtype": "bfloat16",
        "image_token_id": PICTURE,
        "pad_token_id": 2,
        "scale_factor": math.isqrt(PATCHES),
        "text_config": _config(),
        "vision_config": eye,
    }


def _pictures() -> dict[str, Any]:
    edge = {"longest_edge": PIXELS}
    return {"image_processor_type": "Idefics3ImageProcessor", "do_image_splitting": False, "size": edge,
            "max_image_size": edge}  # fmt: skip


def _eye() -> dict[str, tuple[Shape, bytes]]:
    source = random.Random(SEED)  # noqa: S311 because the same weights every time are the point
    return {
        name: (shape, _bfloat16([source.uniform(-SCALE, SCALE) for _ in range(math.prod(shape))]))
        for name, shape in _eye_shapes().items()
    }


def _eye_shapes() -> dict[str, Shape]:
    tower = "model.vision_model"
    layer = f"{tower}.encoder.layers.0"
    biased = {
        f"{tower}.embeddings.patch_embedding": (EYE, 3, PATCH, PATCH),
        **{f"{layer}.self_attn.{side}_proj": (EYE, EYE) for side in ("q", "k", "v", "out")},
        f"{layer}.mlp.fc1": (EYE_INNER, EYE),
        f"{layer}.mlp.fc2": (EYE, EYE_INNER),
        f"{layer}.layer_norm1": (EYE,),
        f"{layer}.layer_norm2": (EYE,),
        f"{tower}.post_layernorm": (EYE,),
    }
    return {
        **{f"{name}.weight": shape for name, shape in biased.items()},
        **{f"{name}.bias": shape[:1] for name, shape in biased.items()},
        f"{tower}.embeddings.position_embedding.weight": (PATCHES, EYE),
        "model.connector.modality_projection.proj.weight": (HIDDEN, EYE * PATCHES),
    }
