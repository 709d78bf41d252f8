"""The actions that bring a fleet nearer to its spec, and the plan that holds them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from llmfleet.api.conditions import Reason
from llmfleet.core.rollout import Path


@dataclass(frozen=True)
class Ref:
    """One object of the namespace the LLMDeployment lives in."""

    kind: str
    name: str

    def __str__(self) -> str:
        """As ``Deployment/qwen-6f9c1b2a3d``."""
        return f"{self.kind}/{self.name}"


@dataclass(frozen=True)
class Apply:
    """Server-side apply of a whole intent; ``resource_version`` is what it was decided on, empty to create."""

    ref: Ref
    manifest: Mapping[str, Any]
    resource_version: str
    why: str


@dataclass(frozen=True)
class Annotate:
    """Set annotations of exactly the pod that was looked at."""

    ref: Ref
    uid: str
    annotations: Mapping[str, str]
    why: str


@dataclass(frozen=True)
class Delete:
    """Delete exactly the object that was looked at."""

    ref: Ref
    uid: str
    why: str


Action = Apply | Annotate | Delete


@dataclass(frozen=True)
class Blocked:
    """Why nothing, or not everything, may be done."""

    reason: Reason
    message: str


@dataclass(frozen=True)
class Plan:
    """What to do now, in order. No actions means converged."""

    actions: tuple[Action, ...] = ()
    blocked: tuple[Blocked, ...] = ()
    revision: str = ""
    """The revision to run: that of the current spec, or the one to go back to; empty when the spec cannot be read."""
    desired: int = 0
    """Replicas wanted."""
    rollout: Path | None = None
    """How the revision replaces others, while it does."""
    given_up: str = ""
    """The revision of the current spec when it made no progress and ``revision`` stands in for it."""
    upgrade: str = ""
    """What this operator would make differently in the running revision."""
    recheck_after: float | None = None
    """Seconds after which to look again without an event."""

    @property
    def makes(self) -> bool:
        """Whether an object would come to be that was not seen."""
        return any(isinstance(each, Apply) and not each.resource_version for each in self.actions)


@dataclass(frozen=True)
class Outcome:
    """What became of one action: done, or the server's refusal in its own words."""

    action: Action
    reason: Reason | None = None
    message: str = ""

    @property
    def is_done(self) -> bool:
        """Whether the server took it."""
        return self.reason is None


@dataclass(frozen=True)
class Outcomes:
    """The outcomes of a plan's actions, in order; execution stops at the first refusal."""

    each: tuple[Outcome, ...] = field(default=())

    @property
    def refusals(self) -> tuple[Outcome, ...]:
        """What the server said no to."""
        return tuple(outcome for outcome in self.each if not outcome.is_done)
