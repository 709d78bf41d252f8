"""What the engine is started with: the command, its environment, and the files that it reads beside the model."""

import secrets
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from . import machine
from .argv import BadConfig, Platform, Prepared, argv, environment
from .checkpoint import architecture, checkpoint, located
from .contract import (
    CHAT_TEMPLATE,
    GOOGLE_CREDENTIALS,
    HUB_TOKEN,
    REGISTRY_LOGIN,
    STORE_KEYS,
    STORE_SETTINGS,
    EngineConfig,
)
from .credentials import hub_token
from .engines.table import engine
from .guard import TASK_VARIABLE, TOKEN_VARIABLE
from .quantization import served
from .task import unfit

_NOT_THE_ENGINES = frozenset({CHAT_TEMPLATE, GOOGLE_CREDENTIALS, REGISTRY_LOGIN, *STORE_KEYS, *STORE_SETTINGS})
"""Variables of the container that the engine does not see."""


@dataclass(frozen=True)
class Start:
    """One start of the engine."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    weights: str | None = None
    """What the served weights are, as far as it was looked up."""
    commit: str | None = None
    """What was fetched; None for a folder of the container."""
    began: float | None = None
    """When the launcher itself did, Unix seconds."""

    @property
    def token(self) -> str:
        """What the launcher shows the guard."""
        return self.environment[TOKEN_VARIABLE]


def foresee(config: EngineConfig, platform: Platform, container: Mapping[str, str]) -> None:
    """Raises ``BadConfig`` when a repository's weights are not as asked: before they are fetched, if it says so now."""
    token = hub_token(container).get(HUB_TOKEN)
    if config.quantization is None or "://" in config.model:
        return
    try:
        found = checkpoint(config, token)
    except BadConfig:
        return  # the download says it, and tries again
    if found:
        engine(config.engine).weigh(config, found, platform)


def prepare(config: EngineConfig, platform: Platform, container: Mapping[str, str], commit: str | None = None) -> Start:
    """Everything that is decided before the engine starts; ``container`` holds this process's variables.

    Raises ``BadConfig`` when the engine should not be started at all.
    """
    variables = {**environment(config, platform), **hub_token(container)}
    config = located(config)
    if config.task and (words := unfit(config.task, architecture(config))):
        raise BadConfig(words)
    found = checkpoint(config, variables.get(HUB_TOKEN))
    made = engine(config.engine).weigh(config, found, platform) if found else None
    prepared = Prepared(made, _chat_template(container.get(CHAT_TEMPLATE)))
    inherited = {name: value for name, value in container.items() if name not in _NOT_THE_ENGINES}
    return Start(
        (sys.executable, *argv(config, platform, machine.memory_bytes(), prepared)),
        {**inherited, **variables, TASK_VARIABLE: config.task or "", TOKEN_VARIABLE: secrets.token_urlsafe()},
        served(config.quantization, found, made) if found else None,
        commit,
    )


def _chat_template(text: str | None) -> str | None:
    """The path of a read-only file with this text."""
    if text is None:
        return None
    if not text.strip():
        raise BadConfig("the chat template that the ConfigMap holds is empty")
    path = Path(tempfile.mkdtemp(prefix="llmfleet-")) / "chat-template.jinja"
    path.write_bytes(text.encode(errors="surrogateescape"))
    path.chmod(0o400)
    return str(path)
