"""What the scenarios share: fleets of each engine, load on a fleet, and the one verdict on it."""

import time
import urllib.error
import urllib.request
from dataclasses import dataclass

from e2e.load import Background, Plan, Report
from e2e.stack import Fleet, Stack, sample
from e2e.stack.kubectl import Document
from e2e.stack.sample import merged

STREAMS = 16
"""Open streams at the moment a pod is told to go."""


@dataclass(frozen=True)
class Served:
    """One engine, and what the sample's spec needs to be served by it."""

    engine: str
    spec: Document

    def fleet(self, stack: Stack, name: str) -> Fleet:
        """The handle on its fleet of this name, which each engine has one of."""
        return stack.fleet(f"{name}-{self.engine.lower()}")

    def sample(self, fleet: Fleet, **spec: object) -> Document:
        """The sample for that fleet with other members of its spec."""
        document = sample(fleet.name, **self.spec)
        return document | {"spec": merged(document["spec"], spec)}


def load_on(fleet: Fleet, *, clients: int = 8, max_tokens: int = 64, rate: float | None = None) -> Background:
    """Streams through the fleet's Service: a closed loop of clients, or so many requests a second."""
    plan = Plan(fleet.url(), fleet.name, clients=clients, max_tokens=max_tokens, rate=rate, seconds=400)
    return Background(plan)


def traffic_on(fleet: Fleet) -> Background:
    """Steady traffic that leaves some processor time to engines that start meanwhile."""
    return load_on(fleet, rate=5.0, max_tokens=32)


def wait_for_kube_proxy(fleet: Fleet, seconds: float = 30) -> None:
    """Wait until the Service answers: the node learns of ready pods a moment after the API server has."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(f"{fleet.url()}/v1/models", timeout=5).close()
        except urllib.error.URLError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


def assert_none_failed(report: Report) -> None:
    """Ruling 8: a client without retries saw nothing but complete answers."""
    assert report.sent > 0
    assert report.failures == ()
