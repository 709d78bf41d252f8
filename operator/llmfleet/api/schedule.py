"""``spec.autoscaling.schedules``: bounds of the size that hold at certain times."""

from typing import Annotated

from pydantic import ConfigDict, Field

from llmfleet.api.fields import Resource, rule, rules

_MONTHS = "JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC"
_DAYS = "SUN|MON|TUE|WED|THU|FRI|SAT"


def _field(number: str, names: str = "") -> str:
    """One field of cron: ``*``, numbers and ranges, each with a step, in a list."""
    one = f"({number}|{names}|{names.lower()})" if names else f"({number})"
    term = f"([*]|{one}(-{one})?)(/[1-9][0-9]?)?"
    return f"{term}(,{term})*"


CRON = " +".join(
    (
        _field("[0-5]?[0-9]"),
        _field("[01]?[0-9]|2[0-3]"),
        _field("0?[1-9]|[12][0-9]|3[01]"),
        _field("0?[1-9]|1[0-2]", _MONTHS),
        _field("[0-7]", _DAYS),
    )
)
_ZONE = "[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}"


class Schedule(Resource):
    """Bounds that hold from each start on. They take the place of autoscaling.minReplicas and maxReplicas."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule("has(self.minReplicas) || has(self.maxReplicas)", "a schedule needs minReplicas, maxReplicas or both"),
        )
    )

    name: Annotated[str, Field(min_length=1, max_length=63, pattern="^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")] = Field(
        description="Name by which decisions and conditions speak of it.", examples=["office"]
    )
    start: Annotated[str, Field(min_length=9, max_length=128)] = Field(
        description="When it begins, in five fields of cron: minute, hour, day of the month, month, day of the week. "
        "A start that a change of the clocks skips comes once they have changed; one that they repeat comes once.",
        examples=["0 8 * * 1-5"],
        json_schema_extra=rules(
            rule(
                f"self.matches('^{CRON}$')",
                "must be five fields of cron, minute hour day-of-month month day-of-week, such as 0 8 * * 1-5",
            )
        ),
    )
    duration_seconds: Annotated[int, Field(ge=60, le=2_678_400)] = Field(
        description="How long it holds, seconds, at most 31 days. The change of the clocks does not alter it.",
        examples=[39600],
    )
    time_zone: Annotated[str, Field(min_length=1, max_length=64)] = Field(
        default="UTC",
        description="Time zone of start, by its name in the IANA database. Default: UTC.",
        examples=["Europe/Vienna"],
        json_schema_extra=rules(
            rule(
                f"self.matches('^{_ZONE}$')",
                "must be the name of a time zone in the IANA database, such as Europe/Vienna",
            )
        ),
    )
    min_replicas: Annotated[int, Field(ge=0, le=1000)] | None = Field(
        default=None, description="Fewest replicas meanwhile, 0 to 1000. Default: autoscaling.minReplicas."
    )
    max_replicas: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        default=None, description="Most replicas meanwhile, 1 to 1000. Default: autoscaling.maxReplicas."
    )
