"""How a new revision replaces the old one, and how many replicas a node drain may take. Changes restart no pod."""

from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field

from llmfleet.api.fields import Resource, rule, rules

_INSTANT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$"


class RolloutType(StrEnum):
    """Which replica comes or goes first."""

    AUTO = "Auto"
    SURGE = "Surge"
    IN_PLACE = "InPlace"
    WHEN_IDLE = "WhenIdle"


class Rollback(StrEnum):
    """What follows when a new revision makes no progress."""

    AUTOMATIC = "Automatic"
    NEVER = "Never"


class Surge(Resource):
    """How far a rollout may go above and below the wanted size."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.maxSurge) || self.maxSurge > 0 || (has(self.maxUnavailable) && self.maxUnavailable > 0)",
                "maxSurge 0 needs a maxUnavailable of at least 1; with both zero no replica could ever be replaced",
            )
        )
    )

    max_surge: Annotated[int, Field(ge=0, le=100)] = Field(
        default=1, description="Replicas above the wanted size while rolling out, 0 to 100. Default: 1."
    )
    max_unavailable: Annotated[int, Field(ge=0, le=100)] = Field(
        default=0, description="Replicas below the wanted size while rolling out, 0 to 100. Default: 0."
    )


class WhenIdle(Resource):
    """What counts as idle, and how long to wait for it."""

    idle_seconds: Annotated[int, Field(ge=1, le=3600)] = Field(
        default=60, description="Seconds without any request in flight that count as idle. Default: 60."
    )
    timeout_seconds: Annotated[int, Field(ge=0, le=86_400)] = Field(
        default=3600, description="Longest wait before the rollout starts all the same, seconds. Default: 3600."
    )


class Rollout(Resource):
    """How a new revision replaces the old one."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.surge) || !has(self.type) || self.type in ['Auto', 'Surge']",
                "surge is for the types Auto and Surge; remove it or change type",
                "self.type",
            ),
            rule(
                "!has(self.whenIdle) || (has(self.type) && self.type == 'WhenIdle')",
                "whenIdle is for the type WhenIdle; remove it or set type to WhenIdle",
            ),
        )
    )

    type: RolloutType = Field(
        default=RolloutType.AUTO,
        description="Surge: a new replica first. InPlace: an old one leaves first, so capacity dips by one. Auto: "
        "Surge while a GPU is free, InPlace when none is. WhenIdle: wait until no request is in flight, then as Auto. "
        "Default: Auto.",
    )
    surge: Surge = Field(default=Surge(), description="How far Auto and Surge may go above and below the wanted size.")
    when_idle: WhenIdle = Field(default=WhenIdle(), description="What WhenIdle counts as idle, and its longest wait.")
    progress_deadline_seconds: Annotated[int, Field(ge=10, le=86_400)] = Field(
        default=1800,
        description="Seconds without progress after which a new revision is given up; time without a free GPU does not "
        "count. Default: 1800.",
    )
    rollback: Rollback = Field(
        default=Rollback.AUTOMATIC,
        description="Automatic: the last revision that served comes back when a new one is given up. Never: the "
        "rollout stays where it is. Default: Automatic.",
    )
    revision_history_limit: Annotated[int, Field(ge=0, le=10)] = Field(
        default=2, description="Earlier revisions kept for going back, 0 to 10. Default: 2."
    )
    restart_time: Annotated[str, Field(max_length=32, pattern=_INSTANT)] | None = Field(
        default=None,
        description="A new value replaces every replica, and tries a revision that was given up once more; RFC 3339.",
        examples=["2026-11-21T12:00:00Z"],
    )


class Disruption(Resource):
    """What a node drain may take at once."""

    max_unavailable: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=1,
        description="Replicas that voluntary disruptions may take at once, while more than one is wanted. Default: 1.",
    )
