"""Whether the engine can serve a model's weights on the products that its pods may land on, by the model's facts."""

from collections.abc import Iterator

from llmfleet.api.conditions import Reason
from llmfleet.api.quantization import MADE_ON_THE_FLY, Source, listed
from llmfleet.api.v1alpha1 import Spec
from llmfleet.api.workload import AcceleratorType
from llmfleet.core.capability import needed_by_checkpoint, needed_to_make, needed_to_produce, working
from llmfleet.core.landing import Landing, too_old, unservable_cache
from llmfleet.core.plan import Blocked
from llmfleet_runtime.contract import SERVED_ON_CPU, ModelFacts, precision, unserved

_NEWEST = 1_000
"""A generation that no product is older than."""


def unservable(facts: ModelFacts, spec: Spec, on: Landing) -> Iterator[Blocked]:
    """Each refusal names the field, what is there, and what would work instead."""
    found = precision(facts.quantization)
    why = unserved(found, is_cpu_build=on.vendor is AcceleratorType.CPU)
    if why:
        words = f"the weights of model.uri are {found}: {why}; {_would_work(on)}"
        yield Blocked(Reason.QUANTIZATION_UNSUPPORTED, words)
    else:
        asked = spec.quantization.method
        what = (
            f"the weights of model.uri are {found}, which need"
            if found.method
            else f"quantization.method {asked} needs"
        )
        yield from too_old(what, least(facts, spec), on)
    yield from unservable_cache(spec, on)


def least(facts: ModelFacts, spec: Spec) -> int:
    """The least generation that serves what the pods would serve; 0 where nothing is known."""
    found, asked, vendor = precision(facts.quantization), spec.quantization, spec.accelerator.type
    if found.method:
        return needed_by_checkpoint(found, vendor)
    if asked.source is Source.PRODUCED:
        return needed_to_produce(asked.method, vendor)
    return needed_to_make(asked.method, vendor) if asked.method in MADE_ON_THE_FLY else 0


def _would_work(on: Landing) -> str:
    if on.vendor is AcceleratorType.CPU:
        return f"on CPUs {listed(SERVED_ON_CPU)} would work"
    known = [each for each in on.generations.values() if each is not None]
    where = f"on {', '.join(on.generations)}" if known else f"on {on.vendor} GPUs that are new enough"
    return f"{where} {listed(working(min(known, default=_NEWEST), on.vendor))} would work"
