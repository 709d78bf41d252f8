"""What the operator reports: the status of an LLMDeployment. Written on change of meaning, never live numbers."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from llmfleet.api.fields import Count, Name, Resource, Text, Time, list_map
from llmfleet.api.foretold import FitStatus
from llmfleet.api.scaled import AutoscalingStatus


class ConditionStatus(StrEnum):
    """Yes, no, or not known yet."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(Resource):
    """One aspect of health."""

    type: Name = Field(description="The aspect of health, such as Ready.")
    status: ConditionStatus = Field(description="True, False or Unknown.")
    reason: Name = Field(description="One CamelCase word, of a closed list.")
    message: Text = Field(default="", description="A sentence with the next step.")
    observed_generation: int = Field(default=0, description="The generation of the spec this speaks of.")
    last_transition_time: Time = Field(default="", description="When status last flipped.")


class RevisionRole(StrEnum):
    """What a revision is to the fleet."""

    CURRENT = "Current"
    CANDIDATE = "Candidate"
    PREVIOUS = "Previous"
    GIVEN_UP = "GivenUp"


class RevisionStatus(Resource):
    """One revision that has pods."""

    name: Name = Field(description="The revision's hash.")
    role: RevisionRole = Field(
        description="Current serves alone; Candidate replaces a Previous one; GivenUp made no progress and is not "
        "tried again until the spec changes."
    )
    replicas: Count = Field(default=0, description="Wanted pods of this revision.")
    ready: Count = Field(default=0, description="Ready pods of this revision.")


class RolloutPath(StrEnum):
    """Which replica comes or goes first."""

    SURGE = "Surge"
    IN_PLACE = "InPlace"
    WAITING = "Waiting"


class RolloutStatus(Resource):
    """The rollout under way."""

    revision: Name = Field(description="The revision that is being rolled out.")
    path: RolloutPath = Field(
        description="Surge: new replicas first. InPlace: old ones first. Waiting: none yet, see the reason."
    )
    reason: Name = Field(description="Why this path; one CamelCase word, of a closed list.")
    message: Text = Field(default="", description="What to expect, such as a dip in capacity.")
    done: Count = Field(description="Most replicas of this revision that were ready at a time.")
    of: Count = Field(description="Replicas this revision will have.")
    since: Time = Field(description="When this rollout began.")
    progress_time: Time | None = Field(
        default=None, description="When it last made progress; absent while it waits for a GPU or to be idle."
    )

    def tells(self, revision: str, path: RolloutPath, message: str) -> bool:
        """Whether this way, with these numbers, has been said already."""
        return (self.revision, self.path, self.message) == (revision, path, message)


class Problem(Resource):
    """One trouble that pods share."""

    reason: Name = Field(description="One CamelCase word, of a closed list.")
    count: Count = Field(description="How many pods have this trouble.")
    example_pod: Name = Field(default="", description="Name of one pod that has it.")
    node: Annotated[str, Field(max_length=253)] | None = Field(
        default=None, description="Where that pod is; absent while it has no node."
    )
    message: Text = Field(default="", description="The scheduler's, kubelet's or engine's own words.")


class Failure(Resource):
    """Why pods failed last, kept after they have recovered."""

    reason: Name = Field(description="One CamelCase word, of a closed list.")
    time: Time = Field(description="When the failure began.")
    message: Text = Field(default="", description="The kubelet's or engine's own words.")
    remedy: Text = Field(default="", description="What to do about it, with the numbers at hand.")


class Drain(Resource):
    """What one pod's leaving cost. An absent number is not known, which is not zero."""

    pod: Name = Field(description="Name of the pod that left.")
    time: Time = Field(description="When its container ended, or when the pod was found gone.")
    in_flight: Count | None = Field(default=None, description="Requests in flight when it stopped taking new ones.")
    finished: Count | None = Field(default=None, description="Requests it answered from then on.")
    aborted: Count | None = Field(default=None, description="Requests it cut off when its time was up.")
    seconds: Count | None = Field(default=None, description="How long it drained, seconds.")


class AdapterFailure(Resource):
    """One adapter that pods cannot serve."""

    name: Name = Field(description="The name of the adapter.")
    reason: Name = Field(description="One CamelCase word, of a closed list.")
    message: Annotated[str, Field(max_length=256)] = Field(default="", description="The pod's or the engine's words.")
    pods: Count = Field(description="How many ready pods report it.")


class AdaptersStatus(Resource):
    """What the ready pods say of the adapters. An adapter that one of them does not serve is not ready."""

    summary: Name = Field(description="Ready of wanted, as 2/3.")
    ready: Count = Field(description="Adapters that every ready pod serves.")
    loading: Count = Field(description="Adapters that some ready pod does not serve yet, or says nothing of.")
    failed: tuple[AdapterFailure, ...] = Field(
        default=(),
        max_length=10,
        description="Adapters that some ready pod cannot serve; tried again all the time.",
        json_schema_extra=list_map("name"),
    )


class StartupPhases(Resource):
    """Where the seconds of a start go."""

    schedule: Count = Field(description="From the pod's creation until it had a node, seconds.")
    pull: Count = Field(description="Until its container ran: volumes, network and image, seconds.")
    download: Count = Field(description="Until the model's files were there, seconds.")
    load: Count = Field(description="Until the engine answered, seconds.")
    warm_up: Count = Field(description="Until it had made a token and served its adapters, seconds.")


class Start(Resource):
    """One pod's first start."""

    pod: Name = Field(description="Name of the pod that started.")
    seconds: Count = Field(description="From its creation until it could serve, seconds.")
    phases: StartupPhases = Field(description="Where the time went.")


class StartupStatus(Resource):
    """How long the last pods of a revision took to start."""

    revision: Name = Field(description="The revision that these pods are of.")
    p50_seconds: Count = Field(description="Half of them took no longer, seconds.")
    p90_seconds: Count = Field(description="Nine of ten took no longer, seconds.")
    phases: StartupPhases = Field(description="The median of each phase.")
    recent: tuple[Start, ...] = Field(
        default=(), max_length=10, description="The last starts, oldest first.", json_schema_extra=list_map("pod")
    )


class Resolved(Resource):
    """What defaults and the cluster turned into facts."""

    image: Annotated[str, Field(max_length=512)] | None = Field(default=None, description="The image of this revision.")
    image_id: Annotated[str, Field(max_length=512)] | None = Field(
        default=None, description="The digest that runs, from the kubelet."
    )
    max_model_len: int | None = Field(default=None, description="Longest prompt plus answer the engine took, tokens.")
    engine_version: Name | None = Field(default=None, description="The engine's version as the pod reports it.")
    quantization: Annotated[str, Field(max_length=128)] | None = Field(
        default=None, description="What the served weights are, as the pod reports it; absent where it did not look."
    )
    commit: Name | None = Field(
        default=None,
        description="What was fetched: the hub's commit, the registry's digest, the archive's sha256, or a digest over "
        "the object store's listing. Absent for a folder.",
    )
    checkpoint: Text | None = Field(
        default=None,
        description="With quantization.source Produced: where in the cache the checkpoint is, and how it did "
        "beside its source.",
    )


class Download(Resource):
    """How the slowest of the pods that fetch their model stands."""

    percent: Annotated[int, Field(ge=0, le=100)] = Field(description="What is there, in steps of 10.")
    retry_time: Time | None = Field(
        default=None, description="When a download that failed is tried again; absent while it goes on."
    )


class Status(Resource):
    """What the operator sees and does; written by it alone."""

    observed_generation: int = Field(default=-1, description="The generation of the spec last looked at.")
    served_generation: int | None = Field(default=None, description="The last generation that was fully served.")
    operator_version: Name | None = Field(default=None, description="The operator that wrote this.")
    conditions: tuple[Condition, ...] = Field(
        default=(), max_length=16, description="Health, aspect by aspect.", json_schema_extra=list_map("type")
    )
    endpoint: Annotated[str, Field(max_length=256)] | None = Field(
        default=None, description="OpenAI-compatible base URL inside the cluster."
    )
    selector: Annotated[str, Field(max_length=256)] | None = Field(
        default=None, description="Label selector of the serving pods, for the scale subresource."
    )
    replicas: Count | None = Field(default=None, description="Pods that exist and are not leaving.")
    ready_replicas: Count | None = Field(default=None, description="Pods that answer requests.")
    updated_replicas: Count | None = Field(default=None, description="Pods of the current revision.")
    desired_replicas: Count | None = Field(default=None, description="Replicas wanted now, by spec or autoscaler.")
    ready_summary: Name | None = Field(default=None, description="Ready of wanted, as 2/3.")
    revision: Name | None = Field(default=None, description="The revision of the current spec.")
    served_revision: Name | None = Field(
        default=None, description="The revision last fully served; a rollback goes back to it."
    )
    rollout: RolloutStatus | None = Field(default=None, description="The rollout under way.")
    resolved: Resolved | None = Field(default=None, description="What defaults and the cluster turned into facts.")
    fit: FitStatus | None = Field(
        default=None, description="What the model takes; absent where its facts are not known."
    )
    revisions: tuple[RevisionStatus, ...] = Field(
        default=(), max_length=8, description="Revisions that have pods.", json_schema_extra=list_map("name")
    )
    problems: tuple[Problem, ...] = Field(
        default=(), max_length=5, description="Troubles that pods have.", json_schema_extra=list_map("reason")
    )
    adapters: AdaptersStatus | None = Field(
        default=None, description="How spec.lora.adapters stand; absent without any."
    )
    download: Download | None = Field(
        default=None, description="The download of the model; absent while no pod fetches one."
    )
    last_failure: Failure | None = Field(default=None, description="Why pods failed last; kept after they recovered.")
    drains: tuple[Drain, ...] = Field(
        default=(),
        max_length=5,
        description="What the last pods' leaving cost, oldest first.",
        json_schema_extra=list_map("pod"),
    )
    startup: StartupStatus | None = Field(default=None, description="How long pods take to start, phase by phase.")
    autoscaling: AutoscalingStatus | None = Field(default=None, description="The autoscaler's standing decision.")
