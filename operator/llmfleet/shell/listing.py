"""A full listing of objects, laid over the cache while others write to it."""

from collections.abc import Mapping
from typing import Any

from llmfleet.shell.cache import Cache


class Listing:
    """A full listing of some kinds, of one namespace or all, that brings the cache level.

    What was put since it began is not dropped, and what was dropped since is not put.
    """

    def __init__(self, cache: Cache, kinds: frozenset[str], namespace: str | None = None) -> None:
        """Make it before the server is asked."""
        self._cache = cache
        self._unseen = cache.identities(kinds, namespace)

    def take(self, raw: Mapping[str, Any]) -> None:
        """One object of the listing."""
        uid = raw["metadata"]["uid"]
        known = self._unseen.pop(uid, None)
        if known is None or self._cache.get(*known, uid):
            self._cache.put(raw)

    def end(self) -> None:
        """Drop what was not listed."""
        for uid, known in self._unseen.items():
            lost = self._cache.get(*known, uid)
            if lost:
                self._cache.drop(lost)
