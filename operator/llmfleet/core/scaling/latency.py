"""The engine's step time, learned from what the pods report: ``step + sequence * n + prompt_token * tokens``.

``n`` is the number of decoding sequences and ``tokens`` the prompt tokens that a step computes beside them. The three
coefficients are those of llm-d's workload-variant-autoscaler and of BLIS; they are followed by a Kalman filter whose
gate drops what does not fit (normalized innovation squared, as in WVA), and which starts anew when nothing fits.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from llmfleet.core.scaling.flow import PodFlow

Vector = tuple[float, float, float]
Matrix = tuple[Vector, Vector, Vector]

GATE = 12.0
"""Squared innovation over its variance; beyond it an observation is an outlier (one in 2,000 by chance)."""
MOST_OUTLIERS = 24
"""So many in a row are no outliers: the engine has changed."""
FREE = 8
"""So many are taken without a gate."""
UNSURE = 4.0
"""Standard deviation of the first guess as a multiple of it."""
RECALLED = 0.5
"""The same of what was known before a restart."""
ENOUGH = 40
"""Observations after which the coefficients are believed."""
NOISE = 0.06
"""Standard deviation of an observation, as a share of its time."""
FEW = 16.0
"""With so many sequences in the batch the noise is twice as strong as with very many: single prompts weigh more."""
DRIFT = 1.001
"""How fast the past is forgotten: the covariance grows by this with each observation."""
FEWEST_SEQUENCES = 0.5
FLOOR: Vector = (1e-5, 1e-8, 1e-9)


@dataclass(frozen=True, slots=True)
class StepTime:
    """Coefficients in seconds, and how well they are known."""

    coefficients: Vector
    covariance: Matrix
    guess: Vector
    """The coefficients at the start."""
    accepted: int = 0
    outliers: int = 0
    """In a row."""

    @classmethod
    def unknown(cls, time_per_output_token: float) -> "StepTime":
        """Before any observation: an engine that is well within the objective, in seconds; it may be much slower."""
        guess = (0.15 * time_per_output_token, 0.001 * time_per_output_token, 5e-5)
        return cls(guess, _covariance(guess), guess)

    @classmethod
    def recalled(cls, coefficients: Vector) -> "StepTime":
        """Known from before, in seconds, and as far to be doubted as it may have changed meanwhile."""
        return cls(coefficients, _covariance(coefficients, RECALLED), coefficients, accepted=ENOUGH)

    @property
    def is_known(self) -> bool:
        """Whether enough was seen to believe it."""
        return self.accepted >= ENOUGH

    @property
    def step(self) -> float:
        """Seconds of a step with nothing in it."""
        return self.coefficients[0]

    @property
    def sequence(self) -> float:
        """Seconds for each decoding sequence."""
        return self.coefficients[1]

    @property
    def prompt_token(self) -> float:
        """Seconds for each prompt token."""
        return self.coefficients[2]

    def learn(self, pods: Sequence[PodFlow]) -> "StepTime":
        """With what each of these pods showed."""
        known = self
        for pod in pods:
            if pod.token_seconds is not None and pod.decoding >= FEWEST_SEQUENCES:
                known = known.observe(pod.decoding, pod.prompts, pod.token_seconds)
        return known

    def observe(self, sequences: float, prompts: float, seconds: float) -> "StepTime":
        """With one more observation: mean sequences, prompt tokens per second, and the time from token to token.

        Where each second goes: ``busy = step * steps + sequence * tokens + prompt_token * prompts``, the last three per
        second. Tokens and prompts are counted, not measured; the batch is empty for a share of ``exp(-sequences)``.
        """
        busy = 1 - math.exp(-sequences)
        spent = (busy / seconds, sequences / seconds, prompts)
        gain = tuple(sum(row[i] * spent[i] for i in range(3)) for row in self.covariance)
        variance = sum(gain[i] * spent[i] for i in range(3)) + NOISE**2 * (1 + FEW / sequences)
        innovation = busy - sum(self.coefficients[i] * spent[i] for i in range(3))
        if self.accepted >= FREE and innovation * innovation > GATE * variance:
            return self._astray()
        coefficients = tuple(max(FLOOR[i], self.coefficients[i] + gain[i] * innovation / variance) for i in range(3))
        shrunk = [[self.covariance[i][j] - gain[i] * gain[j] / variance for j in range(3)] for i in range(3)]
        for i in range(3):
            shrunk[i][i] = min(DRIFT * shrunk[i][i], (UNSURE * self.guess[i]) ** 2)
        return replace(
            self,
            coefficients=coefficients,  # type: ignore[arg-type] # because the ranges are of length three
            covariance=tuple(map(tuple, shrunk)),  # type: ignore[arg-type] # because of the same
            accepted=self.accepted + 1,
            outliers=0,
        )

    def _astray(self) -> "StepTime":
        if self.outliers + 1 < MOST_OUTLIERS:
            return replace(self, outliers=self.outliers + 1)
        return StepTime(self.guess, _covariance(self.guess), self.guess)


def _covariance(guess: Vector, unsure: float = UNSURE) -> Matrix:
    first, second, third = ((unsure * each) ** 2 for each in guess)
    return ((first, 0.0, 0.0), (0.0, second, 0.0), (0.0, 0.0, third))
