"""Pure: why a checkpoint is not even begun."""

from collections.abc import Mapping, Sequence
from typing import Any

from llmfleet_runtime.argv import Platform
from llmfleet_runtime.facts import ModelFacts
from llmfleet_runtime.precision import precision
from llmfleet_runtime.quantization import Unsupported, on_the_fly

from .recipes import GROUPS, RECIPES, Recipe, group_size

MEMORY_SHARE = 1.25
"""Of the weights: they, and one layer's activations and errors, are held at once."""
LEAST_WINDOWS = 4


def refusal(facts: ModelFacts, config: Mapping[str, Any], recipes: Sequence[Recipe]) -> str:
    """What is wrong with the source for these recipes; empty when nothing is."""
    found = precision(facts.quantization)
    if facts.format != "Safetensors":
        return f"the source is {facts.format or 'of an unknown format'}; take the safetensors files it was made from"
    if found.method:
        return f"the source is quantized already: {found}; take the model it was made from"
    if not (facts.architecture or "").endswith("ForCausalLM") or facts.is_multimodal:
        return f"the source is a {facts.architecture}; only text generation (…ForCausalLM) is quantized"
    if not facts.has_tokenizer:
        return "the source has no tokenizer, which the evaluation needs"
    if any(each.grouped for each in recipes) and group_size(config) is None:
        grouped = ", ".join(each.method for each in recipes if each.grouped)
        sizes = ", ".join(map(str, GROUPS))
        return f"{grouped} needs layers whose inputs one of {sizes} divides, and this model's are not; take FP8 or INT8"
    return ""


def engine_refusal(recipes: Sequence[Recipe], platform: Platform) -> str:
    """Why this engine would not serve what they make; empty when it would."""
    for each in recipes:
        try:
            on_the_fly(None, each.makes, platform)
        except Unsupported as refused:
            return f"{each.method}: {refused}; this engine serves {', '.join(served(platform))}"
    return ""


def served(platform: Platform) -> list[str]:
    """The methods whose checkpoints this engine serves, as far as verdicts are known."""
    return [name for name, each in RECIPES.items() if not _is_refused(each, platform)]


def room_refusal(weights: int, memory: int, disk: int, methods: int) -> str:
    """Bytes of the weights, of the memory and of the disk; empty when there is room."""
    needed = int(weights * MEMORY_SHARE)
    if memory < needed:
        return f"the model takes about {_gib(needed)} of memory while it is quantized, {_gib(memory)} are there"
    most = int(weights * methods * 0.75)
    if disk < most:
        return f"the checkpoints may take {_gib(most)}, the disk has {_gib(disk)} left"
    return ""


def text_refusal(learned: int, judged: int, length: int) -> str:
    """Tokens to calibrate with, to evaluate on, and of a window; empty when there are enough."""
    if min(learned, judged) >= LEAST_WINDOWS * length:
        return ""
    return (
        f"the text has {learned:,} tokens to calibrate with and {judged:,} to evaluate on, and each needs "
        f"{LEAST_WINDOWS * length:,}; give a longer --text or a smaller --length"
    )


def _is_refused(recipe: Recipe, platform: Platform) -> bool:
    try:
        on_the_fly(None, recipe.makes, platform)
    except Unsupported:
        return True
    return False


def _gib(size: float) -> str:
    return f"{size / 2**30:,.1f} GiB"
