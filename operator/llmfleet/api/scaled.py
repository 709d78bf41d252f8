"""What the autoscaler reports of a fleet: what it decided, what came before, and what it has learned."""

from pydantic import Field

from llmfleet.api.fields import LIST_ATOMIC, Count, Name, Percent, Resource, Text, Time


class Decision(Resource):
    """One change of size by the autoscaler."""

    time: Time = Field(description="When it was decided.")
    from_: Count = Field(alias="from", description="Replicas before the change.")
    to: Count = Field(description="Replicas after the change.")
    reason: Name = Field(description="The rule that decided.")
    message: Text = Field(default="", description="The numbers it decided on, step by step.")


class Learned(Resource):
    """What one replica takes and carries, as the autoscaler has measured it; a new operator begins with it."""

    step_microseconds: Count = Field(description="A step of the engine with nothing in it.")
    sequence_nanoseconds: Count = Field(description="What each decoding sequence adds to a step.")
    prompt_token_nanoseconds: Count = Field(description="What each prompt token adds to a step.")
    correction_percent: Percent = Field(description="Capacity that was kept of what these make, percent.")
    proven_percent: Percent = Field(description="How busy a replica has been while the targets were kept, percent.")


class AutoscalingStatus(Resource):
    """The autoscaler's standing decision and how it came about."""

    desired: Count = Field(description="Replicas that the load calls for, within bounds.")
    reason: Name = Field(description="The rule that decided.")
    message: Text = Field(default="", description="The numbers it decided on, step by step.")
    since: Time = Field(description="When desired last changed.")
    limited_by: Name | None = Field(
        default=None, description="The rule that kept the load from what it calls for; absent when none did."
    )
    next_schedule_change: Time | None = Field(
        default=None, description="When a schedule begins or ends next; absent when none will soon."
    )
    load_seen: bool = Field(default=True, description="False while too few pods report their load.")
    source: Name | None = Field(default=None, description="The metrics source that was read; absent: the pods.")
    coverage_percent: Percent | None = Field(
        default=None, description="Ready pods whose load was known when this was written, percent."
    )
    trust_percent: Percent | None = Field(
        default=None,
        description="The least of coverage, freshness and known names, percent. Below 70 nothing is released, below "
        "50 the size is held.",
    )
    learned: Learned | None = Field(
        default=None,
        description="What is known of one replica: written when a number changed by a tenth, at the most every ten "
        "minutes.",
    )
    history: tuple[Decision, ...] = Field(
        default=(), max_length=10, description="The last ten changes, oldest first.", json_schema_extra=LIST_ATOMIC
    )
