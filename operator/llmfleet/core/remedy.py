"""What to do about a trouble, with the numbers and names that its words hold."""

import re
from collections.abc import Callable

from llmfleet.api.conditions import MEANINGS, Reason

_MOST_GPUS = 64

_OPERATORS: dict[Reason, tuple[str, str, str]] = {
    Reason.QUANTIZE_IMAGE_MISSING: ("quantizeImage", "IMAGE", "take another quantization.source"),
    Reason.HOST_PATH_NOT_ALLOWED: ("hostPathCaches", "FOLDER", "take another model.cache.type"),
}
"""Where a setting of the operator is in the way: its name, what it is given, and what the file may say instead."""
_CAPITAL = re.compile("(?=[A-Z])")

Step = Callable[["re.Match[str]"], str]


def _fitting_splits(found: "re.Match[str]") -> str:
    heads = int(found[1])
    sizes = ", ".join(str(size) for size in range(1, _MOST_GPUS + 1) if heads % size == 0)
    return f"The model has {heads} attention heads, which can be split over {sizes} GPUs."


def _shorter(found: "re.Match[str]") -> str:
    return f"Set engine.maxModelLen to {found[1]} or less."


def _device(found: "re.Match[str]") -> str:
    return (
        f"Free one {found[1]}, add a node that has one, or ask for another product. Where no node advertises it "
        "(kubectl describe nodes), correct accelerator.resourceName or accelerator.type. What runs goes on running."
    )


def _bound(_: "re.Match[str]") -> str:
    return (
        "Correct the storage class (model.cache.ephemeral.storageClassName, or the claim's own), or make a volume that "
        "the claim can take; kubectl describe pvc says what it waits for."
    )


def _shared(_: "re.Match[str]") -> str:
    return (
        "The volume can be reached only from nodes that have no room. Replicas on several nodes need a claim with "
        "access mode ReadWriteMany (RWX), or model.cache.type Ephemeral."
    )


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
    (Reason.INSUFFICIENT_GPU, r"Insufficient ([a-z0-9.-]+/[\w.-]*\w)", _device),
    (Reason.VOLUME_UNAVAILABLE, r"unbound immediate|volumes to bind", _bound),
    (Reason.VOLUME_UNAVAILABLE, r"node affinity|volume zone|ReadWriteOncePod", _shared),
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


def correction(reason: Reason, namespace: str, *, is_local: bool) -> str:
    """What makes a plan possible that is refused: a change of the file, or of a setting of the operator.

    ``namespace`` is the operator's; ``is_local`` tells that its settings were taken from variables here.
    """
    if reason not in _OPERATORS:
        return "correct the file"
    setting, given, instead = _OPERATORS[reason]
    variable = f"LLMFLEET_{_CAPITAL.sub('_', setting).upper()}"
    here = f"set {variable} here to what the operator has; where it has none: " if is_local else ""
    upgrade = (
        f"helm upgrade llmfleet charts/llmfleet --namespace {namespace} --reuse-values --set settings.{setting}={given}"
    )
    return f"{here}have whoever runs the operator set {setting}: {upgrade}; or {instead} in the file"
