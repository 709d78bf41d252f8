"""The operator's own decider in a simulation: it sees what the shipped parser gives, and nothing else."""

from collections.abc import Callable, Sequence

from pydantic import ValidationError

from llmfleet.core.scaling.decide import Memory, Policy, decide
from llmfleet.core.scaling.load import tick
from llmfleet.core.scaling.sample import Sample, sample
from llmfleet.core.simulation.run import Page
from llmfleet_runtime.contract import LoadReport


class Decider:
    """Keeps the memory between two looks."""

    def __init__(self, policy: Policy | Callable[[float], Policy], every_seconds: float) -> None:
        """``policy`` may change with the simulated time, seconds; ``every_seconds`` is the operator's tick."""
        self.every_seconds = every_seconds
        self._policy_at = policy if callable(policy) else lambda _: policy
        self._memory = Memory.fresh(0.0)

    def size(self, pages: Sequence[Page], size: int, now: float) -> tuple[int, str]:
        """See ``run.Scaler``."""
        policy = self._policy_at(now)
        decision, self._memory = decide(policy, self._memory, size, tick(now, read(pages)), now)
        return decision.replicas, f"{decision.why}: {decision.message}"


def read(pages: Sequence[Page]) -> list[Sample]:
    """What the pages say; one that cannot be read is a silent pod's."""
    return [sample(_report(each.text), each.pod) for each in pages]


def _report(text: str | None) -> LoadReport | None:
    try:
        return LoadReport.model_validate_json(text) if text else None
    except ValidationError:
        return None
