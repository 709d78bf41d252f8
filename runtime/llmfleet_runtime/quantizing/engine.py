"""Real vLLM over a checkpoint, started as a pod starts it and asked over HTTP."""

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from llmfleet_runtime.argv import Platform, argv, environment
from llmfleet_runtime.contract import EngineConfig
from llmfleet_runtime.guard import TOKEN_VARIABLE
from llmfleet_runtime.words import last_words

from .evaluation import Observed, Shown
from .reference import Told

START_SECONDS = 1200
ANSWER_SECONDS = 600
WORDS = 600
"""Characters of the engine's own that are shown."""
NAME = "model"
ALONE = Path(__file__).parents[2]
"""Where this package lies, with no other beside it: ``llmfleet quantize`` has laid it there."""
_PLATFORM = """
import dataclasses, json
from llmfleet_runtime.engines.table import engine
from llmfleet_runtime.machine import platform
print(json.dumps(dataclasses.asdict(platform(engine(None), 0))))
"""


class NotServed(Exception):
    """The engine did not serve the checkpoint; the text holds its words."""


@dataclass(frozen=True)
class Engine:
    """An installed vLLM."""

    python: str
    platform: Platform

    @property
    def name(self) -> str:
        """What evaluates."""
        return f"vLLM {self.platform.engine_version}"


def engine(python: str) -> Engine:
    """What the engine of this Python is and runs on. Raises ``NotServed``."""
    command = (python, "-P", "-c", _PLATFORM)
    try:
        found = subprocess.run(command, env=_variables({}), capture_output=True, text=True, check=False)  # noqa: S603 because the user names his own Python
    except OSError as error:
        raise NotServed(f"{python} cannot be run: {error.strerror}") from error
    if found.returncode:
        raise NotServed(f"{python} cannot serve: {last_words(found.stderr, WORDS)}")
    return Engine(python, Platform(**json.loads(found.stdout)))


def observe(own: Engine, folder: Path, shown: Shown, told: Told) -> Observed:
    """The same as ``reference.observe``, and how fast it was with one request at a time. Raises ``NotServed``."""
    told("starting the engine", 0, 0)
    with _serving(own, folder, len(shown.windows[0]) + 1) as url:
        read = []
        for number, window in enumerate(shown.windows):
            told("evaluating", number, shown.parts)
            read.append(_read(url, window))
        _ask(url, prompt=shown.beginnings[0], max_tokens=shown.more, ignore_eos=True)  # what the first answer pays for
        continued = []
        for number, beginning in enumerate(shown.beginnings):
            told("evaluating", len(shown.windows) + number, shown.parts)
            continued.append(_continued(url, beginning, shown.more))
    logprobs, choices = zip(*read, strict=True)
    continuations, waits, paces = zip(*continued, strict=True)
    return Observed(
        by=own.name,
        logprobs=logprobs,
        choices=choices,
        continuations=continuations,
        first_token_seconds=median(waits),
        tokens_per_second=median(paces),
    )


def _continued(url: str, beginning: list[int], more: int) -> tuple[tuple[int, ...], float, float]:
    """The tokens, the seconds of the first, and the tokens a second of them all."""
    began = time.monotonic()
    _ask(url, prompt=beginning, max_tokens=1)
    first = time.monotonic()
    answer = _ask(url, prompt=beginning, max_tokens=more, ignore_eos=True, return_token_ids=True)
    return tuple(answer["token_ids"]), first - began, more / (time.monotonic() - first)


def _read(url: str, window: list[int]) -> tuple[float, tuple[int, ...]]:
    places = _ask(url, prompt=window, max_tokens=1, prompt_logprobs=1)["prompt_logprobs"][1:]
    total = sum(each[str(token)]["logprob"] for each, token in zip(places, window[1:], strict=True))
    return total, tuple(int(min(each, key=lambda token: each[token]["rank"])) for each in places)


@contextlib.contextmanager
def _serving(own: Engine, folder: Path, length: int) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    place = replace(own.platform, host="127.0.0.1", port=port)
    config = EngineConfig(model=str(folder), served_names=(NAME,), max_model_len=length, prefix_caching=False)
    with tempfile.TemporaryFile() as output:
        engine = subprocess.Popen(  # noqa: S603 because argv is a checked list and no shell is near
            (own.python, *argv(config, place, None)),
            env=_variables({**environment(config, place), TOKEN_VARIABLE: secrets.token_urlsafe()}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _until_ready(engine, f"http://127.0.0.1:{port}", output)
            yield f"http://127.0.0.1:{port}"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(engine.pid, signal.SIGKILL)
            engine.wait()


def _until_ready(engine: subprocess.Popen[bytes], url: str, output: Any) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/health", timeout=5):  # noqa: S310 because it is our own child's address
            return
        if engine.poll() is not None:
            break
        time.sleep(0.2)
    output.seek(0)
    raise NotServed(f"vLLM did not serve it: {last_words(output.read().decode(errors='replace'), WORDS)}")


def _ask(url: str, **members: Any) -> Any:
    body = json.dumps({"model": NAME, "temperature": 0, **members}).encode()
    request = urllib.request.Request(f"{url}/v1/completions", body, {"Content-Type": "application/json"})  # noqa: S310 because of the same
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:  # noqa: S310 because of the same
            return json.load(answer)["choices"][0]
    except OSError as error:
        raise NotServed(f"vLLM did not answer: {error}") from error


def _variables(more: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, **more, "PYTHONPATH": str(ALONE)}
