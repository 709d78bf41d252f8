"""A bare vLLM on the CPU, and requests of given sizes to it."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NamedTuple

import aiohttp

from e2e.bench.port import free_port
from e2e.engine.model import VOCABULARY, tiny_model
from e2e.load.drive import open_session
from e2e.load.request import Outcome, Request
from llmfleet.core.simulation.request import Arrival
from llmfleet_runtime.argv import Platform, environment
from llmfleet_runtime.contract import EngineConfig
from llmfleet_runtime.engines.vllm import FORKED, MODULE

from . import slowed

RUNTIME = Path(__file__).resolve().parents[3] / "runtime"
NAME = "tiny"
START_SECONDS = 300.0
BATCHED_TOKENS, LONGEST, CACHE_BYTES = 512, 4096, 1 << 28
SHAPE = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12,
         "num_key_value_heads": 4, "head_dim": 64}  # fmt: skip
FIRST_WORD = 400
"""Tokens from here on are syllables."""
SPOKEN = list(range(FIRST_WORD, FIRST_WORD + 64))
"""Answers are of these: random weights would else choose tokens that are no text, of which a client sees none."""


@dataclass(frozen=True, slots=True)
class Kind:
    """An engine with the tiny model's tokenizer and random weights."""

    sequences: int
    """Most in a batch."""
    shape: Mapping[str, int] = field(default_factory=dict)
    """Members of the tiny model's configuration that are others."""
    is_slowed: bool = False
    """Whether a step takes as long as on an accelerator: see ``slowed``."""


LARGE = Kind(16, SHAPE)
"""A step takes long beside what the server and the client take, as on a GPU."""


class Felt(NamedTuple):
    """What one request felt, seconds."""

    first_token: float
    per_token: float
    """Between its tokens, the mean; 0 for an answer of one."""


@contextmanager
def serving(python: Path, kind: Kind = LARGE) -> Iterator[str]:
    """The address of an engine of a kind, up to ``/v1``. Raises ``RuntimeError`` with its last words."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile("w+") as output:
        model, port = _model(Path(folder) / "model", kind.shape), free_port()
        config = EngineConfig(model=str(model), served_names=(NAME,))
        ours = environment(config, Platform("0.32.0+cpu", is_cpu_build=True))
        process = subprocess.Popen(
            (str(python), "-P", "-m", FORKED, MODULE, *_arguments(model, port, kind.sequences)),
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **ours, **_variables(kind, Path(folder)), "HOME": folder},
            start_new_session=True,
        )
        try:
            _until_healthy(process, port, output)
            yield f"http://127.0.0.1:{port}"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _model(folder: Path, shape: Mapping[str, int]) -> Path:
    path = tiny_model(folder) / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | shape))
    (folder / "model.safetensors").unlink()
    return folder


def _variables(kind: Kind, folder: Path) -> dict[str, str]:
    if not kind.is_slowed:
        return {"PYTHONPATH": str(RUNTIME)}
    path = os.pathsep.join(map(str, (RUNTIME, RUNTIME.parent, slowed.plugin(folder / "plugin"))))
    return {"PYTHONPATH": path, **slowed.ONE_THREAD}


def _arguments(model: Path, port: int, sequences: int) -> tuple[str, ...]:
    return (
        f"--model={model}",
        f"--served-model-name={NAME}",
        "--load-format=dummy",
        "--host=127.0.0.1",
        f"--port={port}",
        "--enforce-eager",
        "--no-enable-prefix-caching",
        f"--max-num-seqs={sequences}",
        f"--max-num-batched-tokens={BATCHED_TOKENS}",
        f"--max-model-len={LONGEST}",
        f"--kv-cache-memory-bytes={CACHE_BYTES}",
        "--disable-uvicorn-access-log",
        "--distributed-executor-backend=uni",
    )


def _until_healthy(process: subprocess.Popen[bytes], port: int, output: IO[str]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2):
                return
        except OSError:
            time.sleep(0.3)
    output.seek(0)
    raise RuntimeError(f"the engine did not start: {output.read()[-2000:]}")


async def felt(url: str, arrivals: Sequence[Arrival]) -> tuple[list[Felt], float]:
    """Send each request at its time; what each felt, and tokens per second over all. RuntimeError when one failed."""
    async with open_session(fresh=False) as session:
        began = time.monotonic()
        outcomes = await asyncio.gather(*(_at(session, url, each, began) for each in arrivals))
        took = time.monotonic() - began
    return [felt_of(each) for each in outcomes], sum(each.tokens for each in outcomes) / took


async def one_by_one(url: str, sizes: Sequence[tuple[int, int]], clients: int) -> list[Felt]:
    """Prompt and output tokens of requests that so many clients send, each its next when the last one ended."""
    left, found = iter(sizes), list[Felt]()

    async def client(session: aiohttp.ClientSession) -> None:
        for prompt, output in left:
            found.append(felt_of(await sent(session, url, prompt, output)))

    async with open_session(fresh=False) as session:
        await asyncio.gather(*(client(session) for _ in range(clients)))
    return found


async def _at(session: aiohttp.ClientSession, url: str, arrival: Arrival, began: float) -> Outcome:
    await asyncio.sleep(max(0.0, began + arrival.time - time.monotonic()))
    return await sent(session, url, arrival.prompt, arrival.output)


async def sent(session: aiohttp.ClientSession, url: str, prompt: int, output: int) -> Outcome:
    """One request with so many tokens; what became of it."""
    words = [FIRST_WORD + (17 * at + 31 * prompt) % (VOCABULARY - FIRST_WORD - 100) for at in range(prompt)]
    body = {
        "model": NAME, "prompt": words, "max_tokens": output, "ignore_eos": True, "temperature": 0.0, "stream": True,
        "stream_options": {"include_usage": True}, "allowed_token_ids": SPOKEN,
    }  # fmt: skip
    return await Request(url, body).send(session)


def felt_of(outcome: Outcome) -> Felt:
    """What one request felt. Raises RuntimeError when it failed."""
    if outcome.failure or outcome.first_token is None:
        raise RuntimeError(f"a request failed: {outcome.failure}")
    per_token = (outcome.latency - outcome.first_token) / (outcome.tokens - 1) if outcome.tokens > 1 else 0.0
    return Felt(outcome.first_token, per_token)
