"""The one place that knows llm-compressor (0.14)."""

import shutil
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from .recipes import KEPT, Recipe
from .reference import Told, loaded

KEPT_FILES = ("tokenizer*", "*.tiktoken", "vocab*", "merges.txt", "special_tokens_map.json", "added_tokens.json",
              "chat_template*", "generation_config.json", "*.model", "LICENSE*")  # fmt: skip
"""Copied byte for byte: written anew they would be in the words of this version of transformers."""


def version() -> str:
    """Of the installed library. Raises ``ModuleNotFoundError`` when there is none."""
    try:
        return f"llm-compressor {metadata.version('llmcompressor')}"
    except metadata.PackageNotFoundError:
        raise ModuleNotFoundError(name="llmcompressor") from None


def compress(
    source: Path, target: Path, recipe: Recipe, group: int | None, samples: Sequence[list[int]], told: Told
) -> None:
    """Write the checkpoint into ``target``. ``samples`` are windows of tokens; ``told`` hears of each layer."""
    from llmcompressor import oneshot  # noqa: PLC0415 because it takes seconds and gigabytes
    from llmcompressor.core import active_session  # noqa: PLC0415 because of the same

    told("loading the model", 0, 0)
    model = loaded(source)
    _without_pinning()
    steps = [_layers_told(model, told), *_modifiers(recipe, group)]
    data = {}
    if recipe.calibrated:
        data = {
            "dataset": _dataset(samples),
            "num_calibration_samples": len(samples),
            "max_seq_length": len(samples[0]),
        }
    oneshot(
        model=model,
        recipe=steps,
        pipeline="sequential" if recipe.calibrated else "datafree",
        shuffle_calibration_samples=False,
        **data,
    )
    told("writing", 0, 0)
    model.save_pretrained(target, save_compressed=True)
    active_session().reset()
    for each in (path for pattern in KEPT_FILES for path in source.glob(pattern)):
        shutil.copyfile(each, target / each.name)


def _modifiers(recipe: Recipe, group: int | None) -> list[Any]:
    from llmcompressor.modifiers.gptq import GPTQModifier  # noqa: PLC0415 because of the same
    from llmcompressor.modifiers.quantization import QuantizationModifier  # noqa: PLC0415 because of the same
    from llmcompressor.modifiers.transform.awq import AWQModifier  # noqa: PLC0415 because of the same

    what = {"config_groups": {"group_0": _scheme(recipe, group)}, "ignore": list(KEPT)}
    if recipe.algorithm == "GPTQ":
        return [GPTQModifier(**what)]
    rounding = QuantizationModifier(**what)
    return [AWQModifier(), rounding] if recipe.algorithm == "AWQ" else [rounding]


def _scheme(recipe: Recipe, group: int | None) -> Any:
    from compressed_tensors.quantization import preset_name_to_scheme  # noqa: PLC0415 because of the same

    scheme = preset_name_to_scheme(recipe.scheme, ["Linear"])
    if recipe.grouped and scheme.weights is not None:
        scheme.weights.group_size = group
    return scheme


def _dataset(samples: Sequence[list[int]]) -> Any:
    from datasets import Dataset  # noqa: PLC0415 because of the same

    return Dataset.from_dict({"input_ids": list(samples), "attention_mask": [[1] * len(each) for each in samples]})


def _layers_told(model: Any, told: Told) -> Any:
    """A modifier that changes nothing and hears when a layer is done."""
    from llmcompressor.core import EventType  # noqa: PLC0415 because of the same
    from llmcompressor.modifiers import Modifier  # noqa: PLC0415 because of the same

    layers = int(model.config.get_text_config().num_hidden_layers)

    class Layers(Modifier):  # type: ignore[misc]  # because the library is not there when types are checked
        _done: int = 0

        def on_initialize(self, state: Any, **_: Any) -> bool:
            del state
            return True

        def on_event(self, state: Any, event: Any, **_: Any) -> None:
            del state
            if event.type_ == EventType.CALIBRATION_START:
                told("quantizing", 0, layers)
            if event.type_ == EventType.SEQUENTIAL_EPOCH_END:
                self._done += 1
                told("quantizing", min(self._done, layers), layers)

    return Layers()


def _without_pinning() -> None:
    """Torch's CUDA build cannot pin memory where there is no GPU, and AWQ asks it to without looking."""
    import torch  # noqa: PLC0415 because of the same
    from llmcompressor.pipelines.cache import IntermediatesCache  # noqa: PLC0415 because of the same

    if not torch.accelerator.is_available():
        IntermediatesCache.pin_memory = lambda *_, **__: None
