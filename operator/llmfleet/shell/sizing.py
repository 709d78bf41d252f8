"""Metrics of what sizes a fleet: how far its load is trusted, and what is kept of what was promised."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge

from llmfleet.core.scaling.attainment import Attainment
from llmfleet.core.scaling.load import Tick
from llmfleet.core.scaling.trust import Trust

FLEET = ("namespace", "name")
OBJECTIVE = (*FLEET, "objective")


class Sizing:
    """Of each fleet that is sized by its load."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Its metrics stand in ``registry``."""

        def gauge(name: str, meaning: str, labels: tuple[str, ...] = FLEET) -> Gauge:
            return Gauge(name, meaning, labels, registry=registry)

        def counter(name: str, meaning: str) -> Counter:
            return Counter(name, meaning, OBJECTIVE, registry=registry)

        self.demand = gauge("llmfleet_demand_requests", "Requests running and waiting, last tick.")
        self.waiting = gauge("llmfleet_waiting_requests", "Requests waiting, last tick.")
        self.heard = gauge("llmfleet_heard_pods", "Ready pods that reported their load, last tick.")
        self.trust = gauge("llmfleet_signal_trust", "How far the load is trusted, last tick, 0 to 1.")
        self.coverage = gauge("llmfleet_signal_coverage", "Ready pods whose load is known, last tick, 0 to 1.")
        self.most = gauge("llmfleet_max_replicas", "Most replicas that the spec allows.")
        self.share = gauge("llmfleet_objective_share", "Share of requests that must be as quick, 0 to 1.", OBJECTIVE)
        self.limit = gauge("llmfleet_objective_seconds", "How quick that is, seconds.", OBJECTIVE)
        self.judged = counter("llmfleet_objective_requests", "Requests whose latency is known, by target.")
        self.attained = counter("llmfleet_objective_attained_requests", "Those that were as quick as the target asks.")

    def look(self, key: tuple[str, str], seen: Tick, trust: Trust, most: int) -> None:
        """Enter one look at a fleet, which is its namespace and its name; ``most`` replicas are allowed."""
        self.demand.labels(*key).set(seen.demand)
        self.waiting.labels(*key).set(seen.waiting)
        self.heard.labels(*key).set(seen.heard)
        self.most.labels(*key).set(most)
        self.trust.labels(*key).set(trust.score)
        self.coverage.labels(*key).set(trust.coverage)

    def judge(self, key: tuple[str, str], kept: Iterable[Attainment]) -> None:
        """Enter what was kept of each promise since the last look."""
        for each in kept:
            labels = (*key, each.name)
            self.share.labels(*labels).set(each.promised.share)
            self.limit.labels(*labels).set(each.promised.seconds)
            self.judged.labels(*labels).inc(each.requests)
            self.attained.labels(*labels).inc(each.attained)

    def forget(self, namespace: str, name: str) -> None:
        """Drop the series of a fleet."""
        seen = (self.demand, self.waiting, self.heard, self.trust, self.coverage, self.most)
        for each in (*seen, self.share, self.limit, self.judged, self.attained):
            each.remove_by_labels({"namespace": namespace, "name": name})
