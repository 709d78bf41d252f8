"""A fleet's spec in the planner's terms: where the reconciler will ask."""

import re
from dataclasses import replace

from llmfleet.api.v1alpha1 import Spec
from llmfleet.core.fit.accelerators import Accelerator
from llmfleet.core.fit.planner import LEAST_CONTEXT, Fit, Verdict, fit
from llmfleet.core.fit.settings import UTILIZATION, Settings
from llmfleet_runtime.contract import ModelFacts

_NUMBER = re.compile(r"\d{1,9}(?:\.\d{1,6})?")


def settings_of(spec: Spec) -> Settings:
    """What the engine would be told. An argument whose value is no number is the engine's to refuse."""
    arguments = {each.name: each.value for each in spec.engine.args}
    share = _number(arguments.get("gpu-memory-utilization"))
    batch = _number(arguments.get("max-num-batched-tokens"))
    return Settings(
        max_model_len=spec.engine.max_model_len,
        dtype=spec.engine.dtype.value.lower(),
        utilization=UTILIZATION if share is None else share,
        max_num_batched_tokens=None if batch is None else int(batch),
        max_num_seqs=spec.engine.max_concurrency,
        enforce_eager="enforce-eager" in arguments and arguments["enforce-eager"] != "false",
    )


def planned(facts: ModelFacts, spec: Spec, accelerator: Accelerator) -> Fit:
    """Whether a replica would start there; without ``maxModelLen``, as vLLM's auto, with the longest that fits."""
    found = fit(facts, settings_of(spec), accelerator)
    longest = found.largest_context or 0
    if spec.engine.max_model_len is not None or found.verdict is not Verdict.DOES_NOT_FIT or longest < LEAST_CONTEXT:
        return found
    return fit(facts, replace(found.settings, max_model_len=longest), accelerator)


def _number(text: str | None) -> float | None:
    return float(text) if text is not None and _NUMBER.fullmatch(text) else None
