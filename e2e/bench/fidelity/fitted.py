"""From three runs to a replica's profile, and from a profile to what requests would feel."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

from llmfleet.core.simulation.chance import Chance
from llmfleet.core.simulation.profile import Profile
from llmfleet.core.simulation.replica import Replica
from llmfleet.core.simulation.request import Arrival, Request
from llmfleet.core.simulation.synthetic import Sizes

from .engine import BATCHED_TOKENS, Felt

KV_TOKENS = 100_000


@dataclass(frozen=True, slots=True)
class Fitted:
    """The step-time model, and what the server adds to each first token."""

    profile: Profile
    served_seconds: float


def carried(model: Fitted, sizes: Sizes, chance: Chance) -> float:
    """Requests per second of one replica while its batch is full."""
    engine, drawn = model.profile, [sizes.draw(chance) for _ in range(200)]
    prompt, output = (fmean(each) for each in zip(*drawn, strict=True))
    full = engine.step_seconds + engine.sequence_seconds * engine.max_sequences
    return 1 / (prompt / engine.prefill_rate + output * full / engine.max_sequences)


def line(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Intercept and slope of the straight line through (x, y) with the least squares."""
    middle, mean = sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)
    slope = sum((x - middle) * (y - mean) for x, y in points) / sum((x - middle) ** 2 for x, _ in points)
    return mean - slope * middle, slope


def fitted(paces: Sequence[tuple[int, float]], prompts: Sequence[tuple[int, float]], sequences: int) -> Fitted:
    """``paces`` are (sequences at once, seconds per token), ``prompts`` (prompt tokens, seconds to the first token).

    ``sequences`` is the most that the engine takes into a batch.
    """
    step, sequence = line(paces)
    first, per_token = line(prompts)
    profile = Profile(max(1e-5, step), max(0.0, sequence), 0.0, 1 / max(1e-7, per_token), KV_TOKENS, sequences,
                      BATCHED_TOKENS)  # fmt: skip
    return Fitted(profile, max(0.0, first - profile.step_seconds))


def predicted(model: Fitted, arrivals: Sequence[Arrival]) -> tuple[list[Felt], float]:
    """What each request of a trace would feel on one replica, and tokens per second over all."""
    replica, ended = Replica(model.profile, 0, 0.0), list[Request]()
    for each in arrivals:
        while replica.due <= each.time:
            ended += replica.advance()
        replica.submit(Request(each), each.time)
    while replica.outstanding:
        ended += replica.advance()
    last = max((each.end or 0.0 for each in ended), default=0.0)
    felt = [Felt(each.time_to_first_token + model.served_seconds, each.time_per_output_token) for each in ended]
    return felt, sum(each.output for each in ended) / (last + model.served_seconds)


def medians(felt: Sequence[Felt]) -> tuple[float, float]:
    """Of the time to the first token, and of the time per token where there are several."""
    return median(each.first_token for each in felt), median(each.per_token for each in felt if each.per_token)
