"""What to do about a trouble, with the numbers and names that its words hold."""

import re
from collections.abc import Callable

from llmfleet.api.conditions import MEANINGS, Reason

_MOST_GPUS = 64

Step = Callable[["re.Match[str]"], str]


def _fitting_splits(found: "re.Match[str]") -> str:
    heads = int(found[1])
    sizes = ", ".join(str(size) for size in range(1, _MOST_GPUS + 1) if heads % size == 0)
    return f"The model has {heads} attention heads, which can be split over {sizes} GPUs."


def _shorter(found: "re.Match[str]") -> str:
    return f"Set engine.maxModelLen to {found[1]} or less."


_STEPS: tuple[tuple[Reason, str, Step], ...] = (
    (Reason.TENSOR_PARALLEL_MISMATCH, r"attention heads \((\d+)\)", _fitting_splits),
    (Reason.OUT_OF_GPU_MEMORY, r"estimated maximum model length is (\d+)", _shorter),
    (Reason.BAD_ENGINE_CONFIG, r"greater than the derived max_model_len \(\w+=(\d+)", _shorter),
    (
        Reason.UNSUPPORTED_MODEL,
        r"support LoRA yet|supported for LoRA",
        lambda _: "Remove spec.lora: the engine takes no adapters over this kind of model.",
    ),
    (
        Reason.UNSUPPORTED_MODEL,
        r"support .--runner|model\.task",
        lambda _: "Set model.task to what the model was made for, or remove it.",
    ),
    (Reason.DISK_FULL, r"\bshm\b|/psm_|/torch_", lambda _: "Raise resources.sharedMemory."),
    (Reason.SECRET_NOT_FOUND, r'secrets? "([^"]+)"', lambda found: f"Create the Secret {found[1]} in this namespace."),
    (
        Reason.CONFIG_MAP_NOT_FOUND,
        r'configmaps? "([^"]+)"',
        lambda found: f"Create the ConfigMap {found[1]} in this namespace.",
    ),
    (
        Reason.CONFIG_MAP_KEY_MISSING,
        r"find key (\S+) in ConfigMap [^/\s]+/(\S+)",
        lambda found: f"Add the key {found[1]} to the ConfigMap {found[2]}.",
    ),
    (
        Reason.QUANTIZATION_MISMATCH,
        r"quantization\.method ([\w, ]+) fits this checkpoint",
        lambda found: f"Set quantization.method to {found[1]}, or take another checkpoint.",
    ),
    (
        Reason.QUANTIZATION_MISMATCH,
        r"made while loading here: ([\w, ]+)",
        lambda found: f"Ask for {found[1]}, or take a checkpoint that is quantized so.",
    ),
    (
        Reason.SECRET_KEY_MISSING,
        r"find key (\S+) in Secret [^/\s]+/(\S+)",
        lambda found: f"Add the key {found[1]} to the Secret {found[2]}.",
    ),
)
"""Where the words hold a number or a name, the step says it."""


def remedy(reason: Reason, words: str) -> str:
    """The next step; the reason's own where the words give nothing sharper."""
    for of, pattern, step in _STEPS:
        found = re.search(pattern, words) if of is reason else None
        if found:
            return step(found)
    return MEANINGS[reason]
