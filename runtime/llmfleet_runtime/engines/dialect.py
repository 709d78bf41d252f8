"""What an engine is to the rest of this package: one frozen value, made by the engine's own pure module."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from llmfleet_runtime.config import SERVING_PORT, EngineConfig
from llmfleet_runtime.precision import Precision


class BadConfig(ValueError):
    """The configuration cannot be carried out; the text names the member and what is allowed."""

    reason = "BadConfig"
    """Of the farewell."""


@dataclass(frozen=True)
class Platform:
    """The machine, as far as the engine's arguments depend on it."""

    engine_version: str
    is_cpu_build: bool = False
    cpus: int = 1
    """Whole cores that the container may use, at least one."""
    has_amx: bool = False
    """Whether the processor multiplies tiles (Intel AMX)."""
    host: str = "0.0.0.0"  # noqa: S104 because the pod's address is not known and the guard is in front
    port: int = SERVING_PORT


@dataclass(frozen=True)
class Prepared:
    """What the launcher has found out and laid ready before the engine starts."""

    quantization: str | None = None
    """The engine's word for what it must make of the weights; None to serve them as they are."""
    chat_template: str | None = None
    """Path of a file."""


NOTHING = Prepared()


@dataclass(frozen=True)
class Measures:
    """Names of each measure on the metrics page, newest first; the first that a page has is taken, none is unknown."""

    running: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    """Of the engine's loop; for engines whose tokens are only counted once a request has ended."""
    kv_cache_usage: tuple[str, ...] = ()
    prompt_tokens: tuple[str, ...] = ()
    generation_tokens: tuple[str, ...] = ()
    time_to_first_token: tuple[str, ...] = ()
    time_per_output_token: tuple[str, ...] = ()
    request_time_per_output_token: tuple[str, ...] = ()
    """These three are histograms, without their suffixes."""
    cache_info: tuple[str, ...] = ()


@dataclass(frozen=True)
class Installed:
    """How an engine is found in an image: by its Python distributions, or by a program on the PATH."""

    distributions: tuple[tuple[str, str], ...] = ()
    """Name, and the suffix that tells the build where the version does not."""
    program: str | None = None
    version: re.Pattern[str] = re.compile("(.+)")
    """Group 1 is the version in what the program prints for ``--version``."""
    backends: tuple[tuple[str, str], ...] = ()
    """Files beside the program, and the build that they tell of; without one it computes on the processor."""


@dataclass(frozen=True)
class Dialect:
    """One engine."""

    name: str
    """As users write it in ``spec.engine.type``."""
    title: str
    """As its makers write it."""
    argv: Callable[[EngineConfig, Platform, int | None, Prepared, tuple[str, ...]], tuple[str, ...]]
    """The arguments after ``python3``, of the document, the machine, its memory in bytes and the free arguments."""
    tuning: Callable[[EngineConfig, Platform], dict[str, str]]
    """Variables that a user's may replace."""
    fixed: Callable[[EngineConfig, Platform], dict[str, str]]
    """Variables that none may."""
    weigh: Callable[[EngineConfig, Precision, Platform], str | None]
    """The engine's word for what it must make of the weights. Raises ``BadConfig`` for those it cannot serve."""
    installed: Installed
    measures: Measures
    verified: tuple[str, ...]
    """Lines of versions that all of this was held against. Another one runs, with a warning."""
    switches: tuple[str, ...]
    """Free arguments that users may set, without a value; off is their ``no-`` form."""
    values: tuple[str, ...]
    """The same, with a value."""
    context_length: tuple[str, ...]
    """Where an entry of the list of models tells it."""
    hosts: tuple[str, ...] = ()
    """Of ``values`` those that name a host, which requests may then make the engine ask."""
    usage_error: int | None = None
    """Exit code of an engine that does not take its arguments; None where other ends have it, too."""
    joins_values: bool = False
    """Whether an option and its value are one element, as ``--name=value``."""
    is_one_file: bool = False
    """Whether its models are single files, GGUF."""
    answers_in_its_loop: bool = False
    """Whether the metrics page waits for the engine's loop, so that none is no silence but work."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """Members of the spec that it cannot carry out, by path, and why."""
    pod_environment: Mapping[str, str] = field(default_factory=dict)
    """Variables of its containers; ``{cache}`` is the folder of the cache."""

    @property
    def arguments(self) -> tuple[str, ...]:
        """All free arguments."""
        return tuple(sorted((*self.switches, *self.values)))


def is_of(version: str, lines: tuple[str, ...]) -> bool:
    """Whether a version, such as ``0.32.0+cpu``, is of one of these lines, such as ``0.32``."""
    return ".".join(version.split(".")[:2]) in lines


def given(member: str, value: str) -> str:
    """Engines read an empty value and ``None`` as absent, which nobody meant."""
    if value in {"", "None"}:
        raise BadConfig(f"{member}: {value!r} is not a value")
    return text(member, value)


def text(member: str, value: str) -> str:
    """What the kernel can hand over unchanged: UTF-8 without a zero byte."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise BadConfig(f"{member}: {value!r} is not valid text") from None
    if "\0" in value:
        raise BadConfig(f"{member}: a zero byte is not allowed")
    return value
