"""How many adapters an engine has room for where the spec leaves that open: as many as there are, and some more."""

from collections.abc import Iterator, Mapping

from llmfleet.api.lora import DEFAULT_ADAPTERS, MOST_ADAPTERS
from llmfleet.api.v1alpha1 import LLMDeployment
from llmfleet.core.revision import revision_of

ROOMS = (16, 32, MOST_ADAPTERS)
"""After the default; few, since each step makes a new revision."""


def with_room(deployment: LLMDeployment, sizes: Mapping[str, int]) -> LLMDeployment:
    """The object with room for its adapters; ``sizes`` are the wanted pods by revision.

    Of all the rooms that suffice it is that of the revision that runs, so that fewer adapters restart nothing, and else
    the least. What the user wrote stays.
    """
    lora = deployment.spec.lora
    if lora is None or "max_adapters" in lora.model_fields_set:
        return deployment
    return max(_sufficient(deployment), key=lambda each: sizes.get(revision_of(each), 0))


def _sufficient(deployment: LLMDeployment) -> Iterator[LLMDeployment]:
    """Ascending. The default is written nowhere: it makes the revisions that it always made."""
    spec, lora = deployment.spec, deployment.spec.lora
    if lora is None:
        return
    if len(lora.adapters) <= DEFAULT_ADAPTERS:
        yield deployment
    for room in ROOMS:
        if len(lora.adapters) <= room:
            more = lora.model_copy(update={"max_adapters": room})
            yield deployment.model_copy(update={"spec": spec.model_copy(update={"lora": more})})
