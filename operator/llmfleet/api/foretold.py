"""What is foretold of a revision's memory, what its engine then had, and what that taught: a part of the status."""

from pydantic import Field

from llmfleet.api.fields import Count, Name, Resource, Text, Time, list_map


class Learned(Resource):
    """What one version of the engine taught about the estimates."""

    engine_version: Name = Field(description="The engine's version as its pods report it.")
    percent: Count = Field(description="The cache it had, of what was foretold without any correction.")
    time: Time = Field(description="When this was last learned.")


class FitStatus(Resource):
    """What was foretold of the revision's memory, on each device, and what the engine then had."""

    product: Name | None = Field(default=None, description="The accelerator that it was computed for.")
    weights_bytes: Count | None = Field(default=None, description="Weights on each device, bytes.")
    kv_bytes_per_token: Count | None = Field(default=None, description="Cache of one token on each device, bytes.")
    kv_tokens_predicted: Count | None = Field(default=None, description="Tokens that the cache was to hold.")
    kv_tokens_measured: Count | None = Field(default=None, description="Tokens that the engine says it holds.")
    measured_percent: Count | None = Field(default=None, description="Measured of predicted.")
    max_concurrency_at_max_len: Count | None = Field(
        default=None, description="Requests of the longest context that were to have room at once."
    )
    learned_percent: Count | None = Field(
        default=None, description="The correction that the prediction was made with; absent: none."
    )
    message: Text = Field(default="", description="What is uncertain, and where it does not fit.")
    learned: tuple[Learned, ...] = Field(
        default=(),
        max_length=4,
        description="Corrections by engine version, for revisions to come.",
        json_schema_extra=list_map("engineVersion"),
    )
