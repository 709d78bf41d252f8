"""The engine's whole route table, crawled from loopback and from another address: what is not listed is closed."""

import http.client
import json
import socket
import subprocess
from pathlib import Path

import pytest

from llmfleet_runtime.contract import Phase, RuntimeStatus
from llmfleet_runtime.guard import DRAIN_PATH, NAMES_PATH, STATE_PATH, TOKEN_HEADER, TOKEN_VARIABLE
from llmfleet_runtime.surface import METRICS_PATH, OWN, PROBES, SERVED
from tests.engine.conftest import READY_SECONDS

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
CARELESS_IMAGE = {"VLLM_SERVER_DEV_MODE": "1", "VLLM_ALLOW_INSECURE_SERIALIZATION": "1", "HF_TOKEN": "hf_SENTINEL"}
LORA = {"maxAdapters": 2, "maxPerBatch": 2, "maxRank": 8}
BODY = json.dumps({"lora_name": "x", "lora_path": "/etc", "name": "x", "src": "/etc", "mode": "refusing", "names": {}})


@pytest.fixture(scope="module")
def table(python):
    """(path, methods) of every route that can be switched on."""
    done = subprocess.run(
        [python, str(Path(__file__).with_name("routes.py"))], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.rpartition("ANSWER ")[2])


@pytest.fixture(scope="module")
def open_wide(launch_real, tmp_path_factory):
    """A ready pod with adapters whose image sets what it should not."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in CARELESS_IMAGE.items():
            patch.setenv(name, value)
        pod = launch_real(tmp_path_factory.mktemp("pod"), lora=LORA)
    try:
        pod.until_ready(READY_SECONDS)
        yield pod
    finally:
        pod.destroy()


def environ(pod):
    pairs = Path(f"/proc/{pod.engine_pid()}/environ").read_bytes().decode().split("\0")
    return dict(each.split("=", 1) for each in pairs if "=" in each)


def another_address():
    """The machine's own, as another pod would be seen; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return probe.getsockname()[0]


def answers(pod, host, routes, headers):
    """{(method, path): status}, over one connection."""
    connection = http.client.HTTPConnection(host, pod.serving, timeout=20)
    found = {}
    for method, path in routes:
        connection.request(method, path, BODY, {"Content-Type": "application/json", **headers})
        answer = connection.getresponse()
        answer.read()
        found[method, path] = answer.status
    connection.close()
    return found


def spellings(path):
    """The same place in the words of somebody who tries."""
    rest = path[1:]
    yield from (path, f"/{path}", f"{path}/", f"/./{rest}", f"/v1/models/..{path}", f"/health/../{rest}")
    yield from (f"/%2e/{rest}", path.replace("/", "/%2F")[:1] + rest.replace("/", "%2f"), f"{path}%00", path.upper())
    yield from (f"{path}?x=/health", f"{path};/health", f"/health%2f..{path}")


@pytest.mark.proves("R55", "R72")
def test_each_route_that_the_package_relies_on_is_one_of_the_engines(table):
    assert {*SERVED, *PROBES, *OWN} - {path for path, _ in table} == set()
    assert len(table) > 60


@pytest.mark.proves("R72", "R73")
@pytest.mark.parametrize(
    ("is_near", "has_token"),
    [(True, False), (False, False), (False, True)],
    ids=["loopback", "another address", "another address with the launcher's token"],
)
def test_every_other_route_is_closed_to_all_but_the_launcher(open_wide, table, is_near, has_token):
    token = environ(open_wide)[TOKEN_VARIABLE]
    paths = {path.replace("{", "").replace("}", "") for path, _ in table} - SERVED - PROBES
    paths |= {STATE_PATH, DRAIN_PATH, NAMES_PATH, "/"}
    routes = [(method, path) for path in sorted(paths) for method in METHODS]
    routes += [("POST", each) for path in sorted(paths) for each in spellings(path)]
    host = "127.0.0.1" if is_near else another_address()
    assert is_near or not host.startswith("127.")
    found = answers(open_wide, host, routes, {TOKEN_HEADER.decode(): token} if has_token else {})
    assert {route: status for route, status in found.items() if status not in (404, 400)} == {}
    assert [route for route, status in found.items() if status == 400 and "%00" not in route[1]] == []
    assert open_wide.phase() == Phase.READY


def test_the_crawl_would_see_an_open_route(open_wide):
    token = environ(open_wide)[TOKEN_VARIABLE]
    found = answers(
        open_wide, "127.0.0.1", [("GET", METRICS_PATH), ("GET", STATE_PATH)], {TOKEN_HEADER.decode(): token}
    )
    assert set(found.values()) == {200}
    assert set(answers(open_wide, another_address(), [("GET", each) for each in PROBES], {}).values()) == {200}


@pytest.mark.proves("R73")
def test_a_careless_image_opens_nothing_in_the_engine_either(open_wide, table):
    """Asked as the launcher is, which the guard lets through."""
    token = environ(open_wide)[TOKEN_VARIABLE]
    routes = [("POST", "/collective_rpc"), ("POST", "/sleep"), ("GET", "/server_info"), ("POST", "/update_weights")]
    assert {path for _, path in routes} < {path for path, _ in table}
    assert set(answers(open_wide, "127.0.0.1", routes, {TOKEN_HEADER.decode(): token}).values()) == {404}
    assert environ(open_wide)["VLLM_ALLOW_INSECURE_SERIALIZATION"] == "0"


@pytest.mark.proves("R71")
def test_a_secret_is_in_no_argument_page_or_log_of_the_real_engine(open_wide):
    pids = [open_wide.process.pid, *open_wide.children()]
    pids += [int(each) for pid in pids for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    assert environ(open_wide)["HF_TOKEN"] == "hf_SENTINEL"
    said = [Path(f"/proc/{pid}/cmdline").read_text() for pid in pids]
    said += [open_wide.get(path)[1] for path in ("/status", "/load", "/metrics")]
    assert len(pids) >= 4
    assert [each for each in (*said, open_wide.output()) if "SENTINEL" in each] == []


def test_the_installed_engine_is_one_of_a_known_line_and_its_page_lacks_no_metric(open_wide):
    status = RuntimeStatus.model_validate_json(open_wide.get("/status")[1])
    assert status.warnings is None
    assert status.startup.load > 1
