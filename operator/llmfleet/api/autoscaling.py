"""The part of the spec that sizes the fleet by its load."""

from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field

from llmfleet.api.fields import Resource, list_map, rule, rules
from llmfleet.api.schedule import Schedule


class Latency(Resource):
    """A latency that most requests must not exceed."""

    percentile: Annotated[int, Field(ge=50, le=99)] = Field(
        default=95, description="Percentage of requests that must be at least this quick, 50 to 99. Default: 95."
    )
    milliseconds: Annotated[int, Field(ge=1, le=600_000)] = Field(
        description="The longest that they may take, milliseconds.", examples=[2000]
    )


class Targets(Resource):
    """What a user of the model should feel; at least one. The one that asks for most replicas decides."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "has(self.queueDepth) || has(self.timeToFirstToken) || has(self.timePerOutputToken) || "
                "has(self.kvCacheUtilizationPercent)",
                "at least one target is needed: timeToFirstToken, timePerOutputToken, queueDepth or "
                "kvCacheUtilizationPercent",
            )
        )
    )

    time_to_first_token: Latency | None = Field(
        default=None, description="From a request's arrival in the pod to its first token. Default: no target."
    )
    time_per_output_token: Latency | None = Field(
        default=None, description="Mean time per token of a request after its first. Default: no target."
    )
    queue_depth: Annotated[int, Field(ge=1, le=10_000)] | None = Field(
        default=None,
        description="Waiting requests per ready replica that are still acceptable. Default: no target.",
        examples=[4],
    )
    kv_cache_utilization_percent: Annotated[int, Field(ge=10, le=100)] | None = Field(
        default=None,
        description="How full each replica's KV cache may be, percent. Default: no target of its own; with a latency "
        "target 90.",
        examples=[85],
    )


class Mode(StrEnum):
    """Whether a decision is carried out."""

    ENFORCE = "Enforce"
    OBSERVE = "Observe"


class Autoscaling(Resource):
    """Size by load instead of by a number."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.minReplicas) || self.minReplicas <= self.maxReplicas",
                "minReplicas must not exceed maxReplicas",
            ),
            rule(
                "!has(self.scaleToZeroAfterSeconds) || (has(self.minReplicas) && self.minReplicas == 0) || "
                "(has(self.schedules) && self.schedules.exists(s, has(s.minReplicas) && s.minReplicas == 0))",
                "scaleToZeroAfterSeconds needs minReplicas: 0; set it, or remove scaleToZeroAfterSeconds",
            ),
            rule(
                "!has(self.schedules) || self.schedules.all(s, "
                "(has(s.minReplicas) ? s.minReplicas : (has(self.minReplicas) ? self.minReplicas : 1)) <= "
                "(has(s.maxReplicas) ? s.maxReplicas : self.maxReplicas))",
                "schedules: while one holds, its minReplicas, or autoscaling.minReplicas where it has none, must not "
                "exceed its maxReplicas, or autoscaling.maxReplicas where it has none",
            ),
        )
    )

    mode: Mode = Field(
        default=Mode.ENFORCE,
        description="Observe decides and reports in the status, while spec.replicas stays the size. Default: Enforce.",
    )
    min_replicas: Annotated[int, Field(ge=0, le=1000)] = Field(
        default=1,
        description="Fewest replicas, 0 to 1000. With 0, an idle fleet goes to zero, where its Service refuses "
        "requests until `llmfleet wake` or a schedule starts it; a new fleet starts with one. Default: 1.",
    )
    max_replicas: Annotated[int, Field(ge=1, le=1000)] = Field(description="Most replicas, 1 to 1000.")
    targets: Targets = Field(description="The objectives that size the fleet.")
    scale_to_zero_after_seconds: Annotated[int, Field(ge=10, le=604_800)] = Field(
        default=600,
        description="With minReplicas 0: how long nobody may have asked anything before the fleet goes to zero, and "
        "how long a woken one is kept, seconds; counted from ready replicas on. Default: 600.",
    )
    schedules: tuple[Schedule, ...] = Field(
        default=(),
        max_length=8,
        description="Other bounds at certain times, by name. Of those that hold at once the largest minReplicas and "
        "the smallest maxReplicas count.",
        json_schema_extra=list_map("name"),
    )

    @property
    def is_enforced(self) -> bool:
        """Whether the decision is the size."""
        return self.mode is Mode.ENFORCE
