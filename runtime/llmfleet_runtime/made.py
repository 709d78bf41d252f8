"""Documents between ``llmfleet quantize`` and the program that makes checkpoints: what to make, and what was made."""

from typing import Literal

from pydantic import Field

from .document import Document
from .facts import ModelFacts

QUANTIZING = "llmfleet_runtime.quantizing"
"""The program: reads an ``Order`` from standard input, writes a ``Step``, ``Made`` or ``Refusal`` a line."""

PRODUCING = "llmfleet_runtime.quantizing.job"
"""The same in a Job: its argument is the ``Order``, its termination message a ``Production``, its page the step."""

SERVED_AS = {"FP8": "FP8", "INT8": "INT8", "GPTQ": "CompressedTensors", "AWQ": "CompressedTensors", "NVFP4": "NVFP4"}
"""What it can make, and the ``spec.quantization.method`` that each checkpoint meets; see ``quantizing.recipes``."""
QUANTIZING_METHODS = tuple(SERVED_AS)


class Order(Document):
    """What to make, of what, and how to judge it."""

    version: Literal[1] = 1
    model: str
    """A folder, or the name of a repository on a hub."""
    revision: str | None = None
    """Hub commit, tag or branch; only with a repository."""
    methods: tuple[str, ...] = Field(min_length=1)
    """Of ``QUANTIZING_METHODS``."""
    out: str
    """A folder; each method gets one of its own below."""
    text: str | None = None
    """A file to calibrate with and, its last tenth, to evaluate on; absent: Python's own manual."""
    samples: int = Field(default=128, ge=1)
    """Windows to calibrate with."""
    judged: int = Field(default=32, ge=1)
    """Windows to evaluate on."""
    length: int = Field(default=512, ge=16)
    """Tokens of a window."""
    engine: str | None = None
    """A Python with vLLM, which then does the evaluation; absent: transformers does it."""


class Step(Document):
    """Where the program is."""

    kind: Literal["Step"] = "Step"
    subject: str
    """``source`` or the method."""
    doing: str
    done: int = 0
    of: int = 0
    """Parts of the step; 0 where it has none."""


class Quality(Document):
    """How a model did on the text."""

    by: str
    """What ran it, such as ``vLLM 0.32.0+cpu``."""
    tokens: int
    """That were predicted."""
    perplexity: float
    """Of the text, a token."""
    agreement: float | None = None
    """Share of those tokens where its first choice is the source's; absent for the source."""
    same_beginning: float | None = None
    """Share of the source's greedy continuations up to the first token that differs; absent for the source."""
    first_token_seconds: float | None = None
    """For a prompt of a quarter of a window; absent without an engine."""
    tokens_per_second: float | None = None
    """Of one greedy continuation at a time; absent without an engine."""


class Made(Document):
    """One checkpoint and how it did; the first is the source itself."""

    kind: Literal["Made"] = "Made"
    method: str = ""
    """Empty for the source."""
    folder: str
    bytes: int
    """Of all its files."""
    precision: str
    """What the weights are, in the words of the pod's status."""
    requirement: str
    """The value of ``spec.quantization.method`` that it meets."""
    seconds: float = 0
    """To make it; 0 for the source."""
    quality: Quality


class Production(Document):
    """How a Job ended: what it made and how that did beside its source, or why there is nothing."""

    version: Literal[1] = 1
    made: Made | None = None
    source: Quality | None = None
    facts: ModelFacts | None = None
    """Of the checkpoint, as an inspection would tell them."""
    message: str = ""
    """Why there is no checkpoint."""


class Refusal(Document):
    """Why nothing more is made."""

    kind: Literal["Refusal"] = "Refusal"
    reason: str
