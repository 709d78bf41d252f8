"""Pure: what was observed of two models on the same text, as numbers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from llmfleet_runtime.document import Document
from llmfleet_runtime.made import Quality


@dataclass(frozen=True)
class Shown:
    """What a model is shown: the same to each."""

    windows: Sequence[list[int]]
    """Of a text, as tokens."""
    beginnings: Sequence[list[int]]
    """That it continues."""
    more: int
    """Greedy tokens after each beginning."""

    @property
    def parts(self) -> int:
        """Of the work, for progress."""
        return len(self.windows) + len(self.beginnings)


class Observed(Document):
    """What a model made of the windows of a text, and of the beginnings of some of them."""

    by: str
    logprobs: tuple[float, ...]
    """Of each window: the sum over its tokens but the first, in nats."""
    choices: tuple[tuple[int, ...], ...]
    """Of each window: the model's first choice at each place after the first token."""
    continuations: tuple[tuple[int, ...], ...]
    """Greedy tokens after each beginning."""
    first_token_seconds: float | None = None
    tokens_per_second: float | None = None


def quality(own: Observed, source: Observed | None) -> Quality:
    """``source`` is None for the source itself. Both must have been shown the same."""
    tokens = sum(map(len, own.choices))
    return Quality(
        by=own.by,
        tokens=tokens,
        perplexity=math.exp(-sum(own.logprobs) / tokens),
        agreement=None if source is None else _same(own.choices, source.choices) / tokens,
        same_beginning=None if source is None else _share_begun(own.continuations, source.continuations),
        first_token_seconds=own.first_token_seconds,
        tokens_per_second=own.tokens_per_second,
    )


Texts = Sequence[Sequence[int]]


def _same(own: Texts, source: Texts) -> int:
    return sum(_equal(pair) for both in zip(own, source, strict=True) for pair in zip(*both, strict=True))


def _share_begun(own: Texts, source: Texts) -> float:
    begun = (takewhile(_equal, zip(*both, strict=True)) for both in zip(own, source, strict=True))
    return sum(len(list(each)) for each in begun) / sum(map(len, source))


def _equal(pair: tuple[int, int]) -> bool:
    return pair[0] == pair[1]
