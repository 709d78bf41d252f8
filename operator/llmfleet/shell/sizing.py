"""Metrics of what sizes a fleet: how far its load is trusted, and what is kept of what was promised."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge

from llmfleet.core.scaling.attainment import Attainment
from llmfleet.core.scaling.decide import Decision
from llmfleet.core.scaling.load import Tick

Fleet = tuple[str, str]
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
        self.decided = gauge("llmfleet_decided_replicas", "Replicas decided on, last tick, also where mode is Observe.")
        self.reason = gauge("llmfleet_scaling_reason", "1 for the reason of what was decided.", (*FLEET, "reason"))
        self.most = gauge("llmfleet_max_replicas", "Most replicas that the spec allows.")
        self.share = gauge("llmfleet_objective_share", "Share of requests that must be as quick, 0 to 1.", OBJECTIVE)
        self.limit = gauge("llmfleet_objective_seconds", "How quick that is, seconds.", OBJECTIVE)
        self.judged = counter("llmfleet_objective_requests", "Requests whose latency is known, by target.")
        self.attained = counter("llmfleet_objective_attained_requests", "Those that were as quick as the target asks.")
        self._reasons: dict[Fleet, str] = {}
        self._looked: dict[Fleet, tuple[Gauge, ...]] = {}
        self._judged: dict[tuple[str, ...], tuple[Gauge, Gauge, Counter, Counter]] = {}
        """Their series, found once: by label it takes as long as a page."""

    def look(self, key: Fleet, seen: Tick, decision: Decision, most: int) -> None:
        """Enter one look at a fleet, which is its namespace and its name; ``most`` replicas are allowed."""
        series = self._looked.get(key)
        if series is None:
            series = self._looked[key] = tuple(each.labels(*key) for each in self._seen())
        trust = decision.trust
        numbers = (seen.demand, seen.waiting, seen.heard, trust.score, trust.coverage, decision.replicas, most)
        for each, number in zip(series, numbers, strict=True):
            each.set(number)
        if (past := self._reasons.get(key)) != decision.why:
            if past:
                self.reason.remove(*key, past)
            self.reason.labels(*key, decision.why).set(1)
            self._reasons[key] = decision.why

    def judge(self, key: Fleet, kept: Iterable[Attainment]) -> None:
        """Enter what was kept of each promise since the last look."""
        for each in kept:
            share, limit, judged, attained = self._promise((*key, each.name))
            share.set(each.promised.share)
            limit.set(each.promised.seconds)
            judged.inc(each.requests)
            attained.inc(each.attained)

    def forget(self, namespace: str, name: str) -> None:
        """Drop the series of a fleet."""
        self._looked.pop((namespace, name), None)
        self._reasons.pop((namespace, name), None)
        for labels in [each for each in self._judged if each[:2] == (namespace, name)]:
            del self._judged[labels]
        for each in (*self._seen(), self.reason, self.share, self.limit, self.judged, self.attained):
            each.remove_by_labels({"namespace": namespace, "name": name})

    def _seen(self) -> tuple[Gauge, ...]:
        return self.demand, self.waiting, self.heard, self.trust, self.coverage, self.decided, self.most

    def _promise(self, labels: tuple[str, ...]) -> tuple[Gauge, Gauge, Counter, Counter]:
        if labels not in self._judged:
            share, limit = self.share.labels(*labels), self.limit.labels(*labels)
            self._judged[labels] = share, limit, self.judged.labels(*labels), self.attained.labels(*labels)
        return self._judged[labels]
