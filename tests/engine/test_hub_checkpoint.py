"""A repository's precision, asked with the engine's own hub library of a server that speaks the hub's way."""

import http.server
import json
import os
import subprocess
import threading
from pathlib import Path

import pytest

from llmfleet.api.conditions import Reason
from llmfleet.core.trouble import of_crash

ROOT = Path(__file__).parents[2]
CONFIG = json.dumps({"quantization_config": {"quant_method": "awq", "bits": 4}}).encode()
COMMIT = "0e9e39f249a16976918f6564b8830bc894c89659"
ASK = """
import sys
from llmfleet_runtime.argv import BadConfig
from llmfleet_runtime.checkpoint import checkpoint
from llmfleet_runtime.contract import EngineConfig, Quantization
config = EngineConfig(model=sys.argv[1], served_names=("a",), quantization=Quantization(method="AWQ"))
try:
    print(checkpoint(config, sys.argv[2] or None))
except BadConfig as error:
    print(f"refused: {error}")
"""


class Hub(http.server.BaseHTTPRequestHandler):
    """Two repositories, a gated one, and no other."""

    def do_GET(self):
        repository = "/".join(self.path.split("/")[1:3])
        if repository == "org/gated" and self.headers.get("Authorization") != "Bearer secret":
            self.answer(401, b"", {"X-Error-Code": "GatedRepo"})
        elif repository == "org/none":
            self.answer(404, b"", {"X-Error-Code": "RepoNotFound"})
        elif self.path.endswith("/config.json"):
            body = b"{}" if repository == "org/plain" else CONFIG
            self.answer(200, body, {"ETag": f'"{len(body)}"', "X-Repo-Commit": COMMIT})
        else:
            self.answer(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})

    do_HEAD = do_GET  # noqa: N815 because the library looks for that name

    def answer(self, code, body, headers):
        self.send_response(code)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, format, *args):  # noqa: A002 because the library names it so
        """Nothing."""


@pytest.fixture(scope="module")
def hub():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def ask(python, hub, tmp_path):
    """What the launcher finds out about a repository; it has an empty cache."""

    def asked(repository, token="", endpoint=hub):
        variables = {"PYTHONPATH": str(ROOT / "runtime"), "HF_HOME": str(tmp_path), "HF_ENDPOINT": endpoint}
        environment = {**os.environ, **variables, "HF_HUB_DISABLE_TELEMETRY": "1"}
        command = [python, "-c", ASK, repository, token]
        return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout.strip()

    return asked


def reason(words):
    return of_crash({"exitCode": 64, "reason": "Error", "message": words}, restarts=2).reason


@pytest.mark.parametrize(("repository", "weights"), [("org/model", "awq, 4 bits"), ("org/plain", "not quantized")])
def test_a_repository_says_what_its_weights_are_and_again_from_the_cache(ask, repository, weights):
    assert ask(repository) == weights
    assert ask(repository, endpoint="http://127.0.0.1:9") == weights


def test_a_gated_repository_wants_a_token(ask):
    assert reason(ask("org/gated")) == Reason.MODEL_ACCESS_DENIED
    assert ask("org/gated", "secret") == "awq, 4 bits"


def test_what_the_hub_says_becomes_a_cause(ask):
    assert reason(ask("org/none")) == Reason.MODEL_NOT_FOUND
