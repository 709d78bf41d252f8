"""A model in transformers: what evaluates where there is no engine, and what llm-compressor works on."""

import gc
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from .evaluation import Observed, Shown

Told = Callable[[str, int, int], None]
"""Hears what is being done, and how many parts of how many are."""


def version() -> str:
    """What evaluates."""
    return f"transformers {metadata.version('transformers')}"


def loaded(folder: Path, place: str | None = None) -> Any:
    """The model in the precision of its files, in memory unless ``place`` is ``auto``. Nothing of the folder is run."""
    from transformers import AutoModelForCausalLM  # noqa: PLC0415 because it takes seconds

    return AutoModelForCausalLM.from_pretrained(
        folder, dtype="auto", device_map=place, trust_remote_code=False, use_safetensors=True
    ).eval()


def tokens(folder: Path, texts: Sequence[str]) -> tuple[list[int], list[list[int]]]:
    """The tokens that begin every prompt, of which there may be none, and those of each text without them."""
    from transformers import AutoTokenizer  # noqa: PLC0415 because of the same
    from transformers.utils import logging  # noqa: PLC0415 because of the same

    logging.set_verbosity_error()  # the text is longer than the model's context, and is cut into windows later
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    begin = [each for each in tokenizer("")["input_ids"] if each == tokenizer.bos_token_id]
    return begin, [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]


def observe(folder: Path, shown: Shown, told: Told) -> Observed:
    """What the model of the folder makes of it."""
    import torch  # noqa: PLC0415 because of the same

    told("loading the model", 0, 0)
    model = loaded(folder, "auto" if torch.accelerator.is_available() else None)
    read, continuations = [], []
    with torch.inference_mode():
        for number, window in enumerate(shown.windows):
            told("evaluating", number, shown.parts)
            read.append(_read(model, torch.tensor([window], device=model.device)))
        for number, beginning in enumerate(shown.beginnings):
            told("evaluating", len(shown.windows) + number, shown.parts)
            continuations.append(_continued(model, torch.tensor([beginning], device=model.device), shown.more))
    logprobs, choices = zip(*read, strict=True)
    return Observed(by=version(), logprobs=logprobs, choices=choices, continuations=tuple(continuations))


def _read(model: Any, ids: Any) -> tuple[float, tuple[int, ...]]:
    """The sum of the logarithms, and the first choices, of every token but the first."""
    scores = model(input_ids=ids, use_cache=False).logits[0, :-1].float().log_softmax(-1)
    return scores.gather(-1, ids[0, 1:, None]).sum().item(), tuple(scores.argmax(-1).tolist())


def _continued(model: Any, ids: Any, more: int) -> tuple[int, ...]:
    made = model.generate(
        ids, attention_mask=ids.new_ones(ids.shape), do_sample=False, max_new_tokens=more, min_new_tokens=more
    )
    return tuple(made[0, ids.shape[1] :].tolist())


def let_go() -> None:
    """Give back the memory of models that nobody holds, the device's too."""
    import torch  # noqa: PLC0415 because of the same

    gc.collect()
    if torch.accelerator.is_available():
        torch.accelerator.empty_cache()
