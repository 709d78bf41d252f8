"""Which namespaces are seen: what their fleets have is in the cache, so that it can be decided on."""

from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any

from llmfleet.shell.kinds import CHILDREN, POD, Kind
from llmfleet.shell.reflector import Reflector

Namespace = str | None
"""None is the whole cluster."""


class Sight:
    """The reflectors of all watched namespaces. One that is refused, mostly as its Role is gone, delays no other."""

    def __init__(
        self,
        namespaces: Sequence[str],
        reflector: Callable[[Kind, Namespace], Reflector],
        opened: Callable[[Namespace], None],
    ) -> None:
        """``opened`` hears of each namespace once it is seen, however late that is."""
        kinds = (*CHILDREN, POD)
        self._reflectors = {each: [reflector(kind, each) for kind in kinds] for each in namespaces or (None,)}
        self._opened = opened

    @property
    def namespaces(self) -> tuple[Namespace, ...]:
        """All that are watched, seen or not."""
        return tuple(self._reflectors)

    @property
    def is_blind(self) -> bool:
        """Whether no namespace is seen."""
        return not any(map(self.has, self._reflectors))

    def has(self, namespace: Namespace) -> bool:
        """Whether a namespace is seen."""
        reflectors = self._reflectors.get(namespace) or self._reflectors.get(None, [])
        return bool(reflectors) and all(each.listed.is_set() for each in reflectors)

    def loops(self) -> Iterator[Coroutine[Any, Any, None]]:
        """What has to run, as long as the operator leads."""
        for namespace, reflectors in self._reflectors.items():
            yield from (each.run() for each in reflectors)
            yield self._open(namespace)

    async def answered(self) -> None:
        """Wait until the server has listed every kind in every namespace, or has said that it will not."""
        for reflectors in self._reflectors.values():
            for each in reflectors:
                await each.answered.wait()

    async def _open(self, namespace: Namespace) -> None:
        for each in self._reflectors[namespace]:
            await each.listed.wait()
        self._opened(namespace)
