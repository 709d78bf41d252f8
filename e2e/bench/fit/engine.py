"""Starts vLLM on the CPU just long enough for it to say how large its cache is."""

import contextlib
import os
import re
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from e2e.bench.fit.shapes import Shape
from llmfleet_runtime.argv import Platform, environment
from llmfleet_runtime.contract import EngineConfig
from llmfleet_runtime.engines.vllm import FORKED, MODULE

RUNTIME = Path(__file__).resolve().parents[3] / "runtime"
START_SECONDS = 240
LOGGED = re.compile(r"KV cache size: ([\d,]+) tokens, Maximum concurrency for [\d,]+ tokens per request: ([\d.]+)x")
WORKER = re.compile(r"([\d.]+) GiB memory was consumed by non-kv usages")


class Reported(NamedTuple):
    """What the engine logged."""

    tokens: int
    concurrency: float
    worker_gib: float | None
    """What lay beside the cache; only with a utilization."""


def reported(python: Path, folder: Path, shape: Shape) -> Reported:
    """Start the engine on the model in ``folder`` with random weights. Raises ``RuntimeError`` with its last words."""
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            (str(python), "-P", "-m", FORKED, MODULE, *_arguments(folder, shape)),
            stdout=output,
            stderr=subprocess.STDOUT,
            env=_environment(folder),
            start_new_session=True,
        )
        try:
            deadline = time.monotonic() + START_SECONDS
            while time.monotonic() < deadline:
                has_ended = process.poll() is not None
                output.seek(0)
                text = output.read()
                if found := LOGGED.search(text):
                    worker = WORKER.search(text)
                    tokens = int(found[1].replace(",", ""))
                    return Reported(tokens, float(found[2]), float(worker[1]) if worker else None)
                if has_ended:
                    break
                time.sleep(0.2)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    raise RuntimeError(f"{shape.name}: the engine did not get as far as its cache: {text[-2000:]}")


def _arguments(folder: Path, shape: Shape) -> tuple[str, ...]:
    memory = (
        f"--gpu-memory-utilization={shape.utilization}"
        if shape.cache_bytes is None
        else f"--kv-cache-memory-bytes={shape.cache_bytes}"
    )
    lora = (
        ()
        if shape.lora is None
        else ("--enable-lora", f"--max-loras={shape.lora.slots}", f"--max-lora-rank={shape.lora.rank}")
    )
    return (
        f"--model={folder}",
        "--port=0",
        "--load-format=dummy",
        f"--dtype={shape.config['torch_dtype']}",
        "--enforce-eager",
        "--distributed-executor-backend=uni",
        f"--max-model-len={shape.length}",
        f"--kv-cache-dtype={shape.kv_cache_dtype}",
        memory,
        *lora,
    )


def _environment(folder: Path) -> dict[str, str]:
    config = EngineConfig(model=str(folder), served_names=("tiny",))
    ours = environment(config, Platform("0.32.0+cpu", is_cpu_build=True))
    return {**os.environ, **ours, "PYTHONPATH": str(RUNTIME), "HOME": str(folder)}
