"""How fleets stand: kept as it is told at every pass, and made into series when somebody reads them."""

from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from llmfleet.api.status import ConditionStatus, Status

LABELS = ("namespace", "name")


@dataclass(frozen=True)
class Stands:
    """One fleet."""

    desired: int
    ready: int
    conditions: tuple[tuple[str, bool], ...]

    @classmethod
    def of(cls, status: Status) -> "Stands":
        """What of a status is told."""
        conditions = tuple((each.type, each.status == ConditionStatus.TRUE) for each in status.conditions)
        return cls(status.desired_replicas or 0, status.ready_replicas or 0, conditions)


class Standing(Collector):
    """The last that was told of each fleet."""

    def __init__(self) -> None:
        """Of none yet."""
        self._fleets: dict[tuple[str, str], Stands] = {}

    def hold(self, namespace: str, name: str, status: Status) -> None:
        """What holds from now on."""
        self._fleets[namespace, name] = Stands.of(status)

    def forget(self, namespace: str, name: str) -> None:
        """Drop the series of an object that is gone."""
        self._fleets.pop((namespace, name), None)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """See prometheus_client."""
        desired = GaugeMetricFamily("llmfleet_desired_replicas", "Replicas wanted.", labels=LABELS)
        ready = GaugeMetricFamily("llmfleet_ready_replicas", "Replicas that answer.", labels=LABELS)
        condition = GaugeMetricFamily("llmfleet_condition", "1 while a condition is True.", labels=(*LABELS, "type"))
        for fleet, stands in self._fleets.items():
            desired.add_metric(fleet, stands.desired)
            ready.add_metric(fleet, stands.ready)
            for type_, is_true in stands.conditions:
                condition.add_metric((*fleet, type_), is_true)
        yield from (desired, ready, condition)
