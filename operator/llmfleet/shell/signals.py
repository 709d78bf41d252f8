"""Where a fleet's load comes from: its own pods, or a source that the operator's settings name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from llmfleet.core.pods import PodView
from llmfleet.core.scaling.sample import Sample
from llmfleet.core.scaling.why import Why, unknown_source
from llmfleet.shell.ports import Key, Pods, Source, SourceUnavailable


@dataclass(frozen=True)
class Heard:
    """One look at the ready pods; those of a source in trouble are all silent."""

    samples: tuple[Sample, ...]
    interval: float = 0.0
    """Seconds until there can be anything new."""
    trouble: Why | None = None
    said: str = ""


@dataclass(frozen=True)
class Signals:
    """The pods, and the sources by name."""

    pods: Pods
    sources: Mapping[str, Source]

    async def look(self, key: Key, name: str | None, ready: Sequence[PodView]) -> Heard:
        """The load of each ready pod, in order, from the source of that name; None stands for the pods."""
        if name is None:
            return Heard(await self.pods.samples(ready))
        silent = tuple(Sample(pod=pod.uid) for pod in ready)
        source = self.sources.get(name)
        if source is None:
            return Heard(silent, trouble=Why.SOURCE_UNKNOWN, said=unknown_source(name, self.sources))
        try:
            return Heard(await source.samples(key, ready), source.scrape.interval)
        except SourceUnavailable as error:
            return Heard(silent, source.scrape.interval, Why.SOURCE_UNAVAILABLE, str(error))
