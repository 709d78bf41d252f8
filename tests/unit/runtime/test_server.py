"""server.py and sampler.py: the five pages."""

import asyncio

import pytest
from aiohttp.test_utils import TestClient, TestServer

from llmfleet_runtime.contract import LoadReport, Phase, RuntimeStatus
from llmfleet_runtime.loopback import GuardState
from llmfleet_runtime.sampler import Sampler
from llmfleet_runtime.server import application

LOAD = LoadReport(started=1.0, in_flight=2, running=2.0)


class Pod:
    def __init__(self):
        self.alive, self.phase, self.report, self.page = True, Phase.READY, LOAD, "vllm:x 1\n"

    def is_alive(self):
        return self.alive

    def is_ready(self):
        return self.alive and self.phase == Phase.READY

    def status(self):
        return RuntimeStatus(phase=self.phase, since=5.0, live_number=3)

    async def load(self):
        return self.report

    async def metrics(self):
        return self.page


@pytest.fixture
def pod():
    return Pod()


@pytest.fixture
async def client(pod):
    async with TestClient(TestServer(application(pod))) as client:
        yield client


@pytest.mark.parametrize("phase", list(Phase))
async def test_ready_is_ready_and_nothing_else(client, pod, phase):
    pod.phase = phase
    answer = await client.get("/readyz")
    assert (answer.status, await answer.text()) == (200 if phase == Phase.READY else 503, f"{phase}\n")


async def test_a_stalled_engine_gets_no_requests(client, pod):
    pod.alive = False
    assert (await client.get("/readyz")).status == 503


@pytest.mark.parametrize(("alive", "status"), [(True, 200), (False, 503)])
async def test_alive_is_said_by_the_pod(client, pod, alive, status):
    pod.alive = alive
    assert (await client.get("/livez")).status == status


async def test_status_and_load_are_the_contracts_documents(client):
    status, load = await client.get("/status"), await client.get("/load")
    assert RuntimeStatus.model_validate_json(await status.text()).live_number == 3
    assert LoadReport.model_validate_json(await load.text()) == LOAD
    assert {status.content_type, load.content_type} == {"application/json"}


async def test_the_engines_page_is_passed_on(client):
    answer = await client.get("/metrics")
    assert (await answer.text(), answer.headers["Content-Type"]) == (
        "vllm:x 1\n",
        "text/plain; version=0.0.4; charset=utf-8",
    )


@pytest.mark.parametrize("path", ["/load", "/metrics"])
async def test_no_data_is_unavailable_and_never_zero(client, pod, path):
    pod.report = pod.page = None
    assert (await client.get(path)).status == 503


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/status", "/load", "/metrics"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_every_page_is_read_only(client, path, method):
    assert (await client.request(method, path)).status == 405


async def test_there_is_no_other_page(client):
    assert (await client.get("/drain")).status == 404


class Engine:
    """A loopback that counts how often it is asked."""

    asked = 0
    page: str | None = "vllm:num_requests_running 4\n"

    async def guard_state(self):
        self.asked += 1
        await asyncio.sleep(0.01)
        return GuardState(4, 0, 0, 0.0)

    async def metrics(self):
        return self.page


async def test_askers_at_the_same_time_share_one_answer():
    engine = Engine()
    sampler = Sampler(engine, 1.0)
    reports = await asyncio.gather(*(sampler.report() for _ in range(20)))
    assert engine.asked == 1
    assert {(report.running, report.in_flight) for report in reports} == {(4.0, 4)}


async def test_an_engine_without_metrics_has_no_load():
    engine = Engine()
    engine.page = None
    assert await Sampler(engine, 1.0).report() is None


async def test_where_the_page_waits_for_the_engine_the_guards_count_alone_is_a_report():
    engine = Engine()
    engine.page = None
    found = await Sampler(engine, 1.0, is_page_optional=True).report()
    assert (found.in_flight, found.running, found.generation_tokens) == (4, None, None)
