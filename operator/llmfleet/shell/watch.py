"""LLMDeployments watched by kopf; the only module that imports it. Events only: it writes nothing onto an object."""

import asyncio
import random
from collections.abc import Callable, Iterator
from typing import Any, cast

import kopf
from kopf._cogs.clients.errors import APIForbiddenError, APINotFoundError
from kopf._cogs.clients.watching import WatchingError
from kopf._cogs.structs.credentials import Vault

from llmfleet import names
from llmfleet.shell.errors import Refused, Unavailable
from llmfleet.shell.kinds import OWN

Seen = Callable[[dict[str, Any], bool], None]
"""(LLMDeployment, is_gone)"""
Listed = Callable[[dict[str, Any]], None]
"""(LLMDeployment): kopf has listed it, and never tells of what vanished since its last listing."""


class Backoffs:
    """Delays without end, seconds: kopf ends the process when a finite row of them is used up."""

    def __iter__(self) -> Iterator[float]:
        """From one second, doubling to thirty, with jitter."""
        delay = 1.0
        while True:
            yield delay * random.uniform(0.7, 1.3)  # noqa: S311 because jitter needs no secrecy
            delay = min(30.0, delay * 2)


class NoDiffBase(kopf.DiffBaseStorage):
    """Kopf's memory of what it handled last: none. Else it parses what another kopf operator left on an object."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        """Nothing is compared, hence nothing copied: kopf takes None for what it does not know."""
        return cast("kopf.BodyEssence", None)

    def fetch(self, **_: Any) -> kopf.BodyEssence | None:
        """Nothing was kept."""
        return None

    def store(self, **_: Any) -> None:
        """Nothing is written onto an object."""


def settings(silence_seconds: float = 70.0) -> kopf.OperatorSettings:
    """Kopf's settings; the reasons are measured in the reliability notes of the decisions folder."""
    chosen = kopf.OperatorSettings()
    chosen.scanning.disabled = True
    chosen.peering.standalone = True
    chosen.posting.enabled = False
    # A name of our own: kopf takes its usual finalizer away wherever it finds it, another operator's too.
    chosen.persistence.finalizer = f"{names.GROUP}/kopf"
    chosen.persistence.diffbase_storage = NoDiffBase()
    chosen.watching.server_timeout = 300
    chosen.watching.client_timeout = 330
    chosen.watching.inactivity_timeout = silence_seconds
    chosen.watching.reconnect_backoff = 1.0
    chosen.watching.chunk_size = 100
    chosen.networking.request_timeout = 30
    chosen.networking.connect_timeout = 5
    chosen.networking.error_backoffs = Backoffs()
    chosen.networking.enforce_retry_after = True
    chosen.queueing.worker_limit = 200
    # A worker keeps its place for so long after its last event: two thousand objects a second; at kopf's five, forty.
    chosen.queueing.idle_timeout = 0.1
    chosen.queueing.exit_timeout = 5
    chosen.process.ultimate_exiting_timeout = 25
    return chosen


def register(registry: kopf.OperatorRegistry, seen: Seen, listed: Listed) -> None:
    """Hand every event to ``seen``, those that are a listing's to ``listed``."""
    kopf.on.login(registry=registry)(_login)
    kopf.on.event(OWN.group, OWN.version, OWN.plural, registry=registry)(_handler(seen, listed))


def _login(**kwargs: Any) -> kopf.ConnectionInfo | None:
    return kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)


def _handler(seen: Seen, listed: Listed) -> Callable[..., Any]:
    async def on_event(event: Any, **_: Any) -> None:
        if event["type"] is None:
            listed(dict(event["object"]))
        else:
            seen(dict(event["object"]), event["type"] == "DELETED")

    return on_event


async def watch(
    seen: Seen, listed: Listed, namespace: str | None, silence_seconds: float, ready: asyncio.Event
) -> None:
    """Watch one namespace, or all, until cancelled. Returns when a signal told kopf to stop.

    Refused when the server does not let us watch, or has no such kind any more; Unavailable when it ended the watch.
    """
    registry, vault = kopf.OperatorRegistry(), Vault()
    register(registry, seen, listed)
    try:
        await kopf.operator(
            registry=registry,
            settings=settings(silence_seconds),
            # Kopf would look the user up by name, which an arbitrary user ID in a container does not have.
            identity=cast("Any", names.MANAGED_BY),
            standalone=True,
            clusterwide=namespace is None,
            namespaces=() if namespace is None else (namespace,),
            ready_flag=ready,
            vault=vault,
        )
    except (APIForbiddenError, APINotFoundError) as error:
        raise Refused(str(error), error.status) from error
    except WatchingError as error:
        raise Unavailable(str(error)) from error
    finally:
        await vault.close()  # kopf leaves its connections open when it is cancelled before all of it has ended
