"""Whether what a spec asks can work at all, as far as that is known before a pod starts.

What the schema can say is refused by the API server; this is about what depends on knowledge of products. It is asked
when a revision is about to be made: one that exists keeps running, whatever later operators know.
"""

from collections.abc import Iterator

from llmfleet.api.conditions import Reason
from llmfleet.api.quantization import Source
from llmfleet.api.v1alpha1 import Spec
from llmfleet.core.capability import needed, needed_to_make, needed_to_produce
from llmfleet.core.landing import Landing, landing, too_old, unservable_cache
from llmfleet.core.plan import Blocked

REFUSING = frozenset(
    {
        Reason.QUANTIZATION_UNSUPPORTED,
        Reason.HOST_PATH_NOT_ALLOWED,
        Reason.QUANTIZATION_MISMATCH,
        Reason.QUANTIZATION_FAILED,
        Reason.QUANTIZE_IMAGE_MISSING,
        Reason.TENSOR_PARALLEL_MISMATCH,
        Reason.DOES_NOT_FIT,
        Reason.MODEL_NOT_FOUND,
        Reason.MODEL_ACCESS_DENIED,
        Reason.MODEL_INVALID,
        Reason.UNSAFE_WEIGHTS,
    }
)
"""Reasons that a refusal may have."""
_NEED = {Source.ON_THE_FLY: needed_to_make, Source.PRODUCED: needed_to_produce}
"""Where the spec says how its weights come about; a checkpoint has the last word itself."""


def refusals(spec: Spec, host_paths: tuple[str, ...] = ()) -> tuple[Blocked, ...]:
    """Why no pod of this spec could serve, each with what would work; empty when nothing is known against it.

    ``host_paths`` are the folders of nodes that the operator allows as caches.
    """
    on = landing(spec)
    return (*_node_folder(spec, host_paths), *_weights(spec, on), *unservable_cache(spec, on))


def _node_folder(spec: Spec, allowed: tuple[str, ...]) -> Iterator[Blocked]:
    asked = spec.model.cache.host_path
    if asked and not any(f"{asked.path}/".startswith(f"{folder.rstrip('/')}/") for folder in allowed):
        told = f"folders below {', '.join(allowed)} are" if allowed else "no folder is"
        yield Blocked(Reason.HOST_PATH_NOT_ALLOWED, f"model.cache.hostPath.path is {asked.path}, and {told} allowed")


def _weights(spec: Spec, on: Landing) -> Iterator[Blocked]:
    method = spec.quantization.method
    need = _NEED.get(spec.quantization.source, needed)
    yield from too_old(f"quantization.method {method} needs", need(method, on.vendor), on)
