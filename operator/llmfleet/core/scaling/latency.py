"""The engine's step time, learned from what the pods report: ``step + sequence * n + prompt_token * tokens``.

``n`` is the number of decoding sequences and ``tokens`` the prompt tokens that a step computes beside them. The three
coefficients are those of llm-d's workload-variant-autoscaler and of BLIS; they are followed by a Kalman filter whose
gate drops what does not fit (normalized innovation squared, as in WVA), and which starts anew when nothing fits.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from llmfleet.core.scaling.flow import PodFlow

Vector = tuple[float, float, float]
Matrix = tuple[Vector, Vector, Vector]

GATE = 12.0
"""Squared innovation over its variance; beyond it an observation is an outlier (one in 2,000 by chance)."""
MOST_OUTLIERS = 24
"""So many in a row are no outliers: the engine has changed."""
ENOUGH = 40
"""Observations after which the coefficients are believed."""
NOISE = 0.06
"""Standard deviation of an observation as a share of it."""
FEW = 16.0
"""With so many sequences in the batch the noise is twice as strong as with very many: single prompts weigh more."""
DRIFT = 1.003
"""How fast the past is forgotten: the covariance grows by this with each observation."""
FEWEST_SEQUENCES = 0.5
FLOOR: Vector = (1e-5, 1e-8, 1e-9)


@dataclass(frozen=True, slots=True)
class StepTime:
    """Coefficients in seconds, and how well they are known."""

    coefficients: Vector
    covariance: Matrix
    first: Matrix
    """The covariance at the start."""
    accepted: int = 0
    outliers: int = 0
    """In a row."""

    @classmethod
    def unknown(cls, time_per_output_token: float) -> "StepTime":
        """Before any observation: an engine that just meets the objective, in seconds, with 32 sequences."""
        guess = (0.4 * time_per_output_token, 0.6 * time_per_output_token / 32, 1e-4)
        rows = tuple(tuple(guess[i] ** 2 * 4 if i == j else 0.0 for j in range(3)) for i in range(3))
        return cls(guess, rows, rows)  # type: ignore[arg-type] # because the ranges are of length three

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
                tokens = min(pod.prompts * pod.token_seconds, 65_536.0)
                known = known.observe((1.0, max(1.0, pod.decoding), tokens), pod.token_seconds)
        return known

    def observe(self, features: Vector, seconds: float) -> "StepTime":
        """With one more observation: sequences, prompt tokens a step, and the step's time."""
        gain = tuple(sum(row[i] * features[i] for i in range(3)) for row in self.covariance)
        noise = (NOISE * seconds) ** 2 * (1 + FEW / features[1])
        variance = sum(gain[i] * features[i] for i in range(3)) + noise
        innovation = seconds - sum(self.coefficients[i] * features[i] for i in range(3))
        if innovation * innovation > GATE * variance:
            return self._astray()
        coefficients = tuple(max(FLOOR[i], self.coefficients[i] + gain[i] * innovation / variance) for i in range(3))
        covariance = tuple(
            tuple(
                min(DRIFT * (self.covariance[i][j] - gain[i] * gain[j] / variance), self.first[i][i])
                if i == j
                else self.covariance[i][j] - gain[i] * gain[j] / variance
                for j in range(3)
            )
            for i in range(3)
        )
        return replace(
            self,
            coefficients=coefficients,  # type: ignore[arg-type] # because the ranges are of length three
            covariance=covariance,  # type: ignore[arg-type] # because of the same
            accepted=self.accepted + 1,
            outliers=0,
        )

    def _astray(self) -> "StepTime":
        if self.outliers + 1 < MOST_OUTLIERS:
            return replace(self, outliers=self.outliers + 1)
        return replace(self, covariance=self.first, accepted=0, outliers=0)
