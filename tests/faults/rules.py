"""What goes wrong, and when: frozen rules that the proxy carries out."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

READING = frozenset({"get", "list", "watch"})
WRITING = frozenset({"create", "update", "patch", "delete", "deletecollection"})
_COLLECTION_VERBS = {"GET": "list", "POST": "create", "DELETE": "deletecollection"}
_OBJECT_VERBS = {"GET": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_PATH = re.compile(
    r"^/(?:api/v1|apis/[^/]+/[^/]+)(?:/namespaces/(?P<namespace>[^/]+)(?=/))?"
    r"/(?P<resource>[^/]+)(?:/(?P<name>[^/]+))?(?:/(?P<subresource>[^/]+))?$"
)


@dataclass(frozen=True)
class Request:
    """One request in the words of Kubernetes; a path that names no resource has only its verb."""

    verb: str
    resource: str = ""
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    def __str__(self) -> str:
        return " ".join((self.verb, "/".join(part for part in (self.resource, self.name, self.subresource) if part)))

    @property
    def is_write(self) -> bool:
        return self.verb in WRITING


def parse(method: str, path: str, query: Mapping[str, str], body: Any = None) -> Request:
    """What a request asks. A new object's name is in the body, where the server finds it too."""
    found = _PATH.match(path)
    if found is None:
        return Request(method.lower())
    parts = {key: value or "" for key, value in found.groupdict().items()}
    verb = (_OBJECT_VERBS if parts["name"] else _COLLECTION_VERBS).get(method, method.lower())
    if verb == "list" and query.get("watch") in ("1", "true"):
        verb = "watch"
    if verb == "create" and isinstance(body, dict):
        metadata = body.get("metadata", {})
        parts["name"] = metadata.get("name") or metadata.get("generateName", "")
    return Request(verb, **parts)


@dataclass(frozen=True)
class Match:
    """Which requests; an empty set means any."""

    verbs: frozenset[str] = frozenset()
    resources: frozenset[str] = frozenset()
    besides: frozenset[str] = frozenset()
    """Resources left alone."""
    name: str = ""
    """A regular expression that the whole name fits; empty for any."""
    subresource: str | None = None
    """None for any, empty for the object itself."""

    def __call__(self, request: Request) -> bool:
        return (
            (not self.verbs or request.verb in self.verbs)
            and (not self.resources or request.resource in self.resources)
            and request.resource not in self.besides
            and (not self.name or re.fullmatch(self.name, request.name) is not None)
            and self.subresource in (None, request.subresource)
        )


def on(verbs: Iterable[str] = (), *resources: str, besides: Iterable[str] = (), **rest: Any) -> Match:
    """A match in one line: ``on(WRITING, "services")``."""
    chosen = frozenset({verbs}) if isinstance(verbs, str) else frozenset(verbs)
    return Match(chosen, frozenset(resources), frozenset(besides), **rest)


WRITES = on(WRITING, besides=["leases"])
"""Every write but the Lease's, whose number says nothing."""
EVERYTHING = Match()


@dataclass(frozen=True)
class Delay:
    """Wait before anything else happens, seconds."""

    seconds: float


@dataclass(frozen=True)
class Refuse:
    """Answer in the server's place; nothing is forwarded."""

    code: int
    retry_after: int | None = None
    """Value of the Retry-After header, seconds."""


@dataclass(frozen=True)
class Drop:
    """Close the connection without an answer."""

    forwarded: bool
    """Whether the server gets the request, and answers it, first."""


@dataclass(frozen=True)
class Call:
    """Call back, mostly to kill the client, then close the connection without an answer."""

    what: Callable[[], None]
    forwarded: bool


@dataclass(frozen=True)
class Replay:
    """Answer a list from a snapshot; begin a watch with the snapshot's objects. Lists by resource."""

    snapshot: Mapping[str, Any]


@dataclass(frozen=True)
class Hold:
    """Keep a watch's events back while the rule stands; then send all, or only what became of each object."""

    only_last: bool


@dataclass(frozen=True)
class Silence:
    """A watch that says no more, for ever, but stays open: a half-dead connection."""


@dataclass(frozen=True)
class Error:
    """An ERROR event in a watch, which then ends."""

    code: int


Effect = Delay | Refuse | Drop | Call | Replay | Hold | Silence | Error


@dataclass(frozen=True)
class Fault:
    """One rule. A watch asks the rules when it opens and whenever they are changed."""

    when: Match
    do: Effect
    skip: int = 0
    """Matching requests that pass unharmed first."""
    times: int | None = None
    """How often it strikes; None without end."""


@dataclass
class Armed:
    """The rules that stand, and how often each struck."""

    faults: tuple[Fault, ...] = ()
    _asked: dict[int, int] = field(default_factory=dict)

    def strike(self, request: Request) -> tuple[Effect, ...]:
        """The effects on this request, in order, each counted."""
        struck = []
        for index, fault in enumerate(self.faults):
            if fault.when(request):
                asked = self._asked[index] = self._asked.get(index, 0) + 1
                if asked > fault.skip and (fault.times is None or asked <= fault.skip + fault.times):
                    struck.append(fault.do)
        return tuple(struck)

    def struck(self, fault: Fault) -> int:
        """How often a rule has struck."""
        beyond = max(0, self._asked.get(self.faults.index(fault), 0) - fault.skip)
        return beyond if fault.times is None else min(beyond, fault.times)
