"""A real Prometheus reads pods; what it tells of them is what they told."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from e2e import prometheus
from e2e.cluster import certificates
from e2e.prometheus import Server
from llmfleet.core.pods import Health, PodView
from llmfleet.core.scaling.flow import Watch
from llmfleet.core.scaling.sample import Sample, sample
from llmfleet.core.scaling.trust import Trust, trust
from llmfleet.settings import MetricsSource
from llmfleet.shell.ports import Key, SourceUnavailable
from llmfleet.shell.prometheus import Prometheus
from llmfleet_runtime.load import report
from tests.prometheus.conftest import REVISION, Pods, Start, configured, free_port, printed

pytestmark = pytest.mark.prometheus
KEY = Key("team-a", "qwen")
RECORDED = (Path(__file__).parents[1] / "contract" / "v1" / "metrics-vllm-0.32.txt").read_text()
PATIENCE_SECONDS = 20.0


def name(pod: str) -> str:
    return f"qwen-{REVISION}-{pod}"


def views(*names: str) -> list[PodView]:
    return [PodView(name(each), f"uid-{each}", REVISION, Health.READY, has_served=True) for each in names]


STRANGERS = ("qwen-2-0123456789-a", "other-0123456789-a")


@pytest.fixture(scope="module")
def stage(programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Pods, Server]]:
    """One server for all; each test has pods of its own."""
    with printed() as pods:
        pods.pages = dict.fromkeys([*map(name, "abcdefghijklmnop"), *STRANGERS], "")
        config = configured(tmp_path_factory.mktemp("prometheus"), pods.scraped())
        with prometheus.serving(programs, config, free_port()) as server:
            yield pods, server


@pytest.fixture
def pods(stage: tuple[Pods, Server]) -> Pods:
    return stage[0]


@pytest.fixture
def server(stage: tuple[Pods, Server]) -> Server:
    return stage[1]


def source(server: Server, **members: object) -> Prometheus:
    return Prometheus(MetricsSource(name="main", url=server.url, interval_seconds=1.0, **members))


def page(requests: float, *, running: str = "2", old: bool = False) -> str:
    """A pod's page after so many requests of ten tokens each; under the names of an older engine on demand."""
    token = "time_per_output_token" if old else "inter_token_latency"
    lines = [f"vllm:num_requests_running {running}", "vllm:num_requests_waiting 1"]
    lines += [f"vllm:prompt_tokens_total {100 * requests}"]
    lines += [f"vllm:{token}_seconds_sum {requests}", f"vllm:{token}_seconds_count {10 * requests}"]
    lines += [f'vllm:time_to_first_token_seconds_bucket{{le="{bound}"}} {requests}' for bound in ("0.5", "+Inf")]
    lines += [f"vllm:time_to_first_token_seconds_sum {requests / 4}"]
    lines += [f"vllm:time_to_first_token_seconds_count {requests}"]
    return "\n".join(lines) + "\n"


async def until(look: Callable[[], Awaitable[tuple[Sample, ...]]], holds: Sequence[bool]) -> tuple[Sample, ...]:
    """Look until so it is heard of the pods."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = await look()
        if [each.is_heard for each in found] == holds:
            return found
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.2)


async def test_what_an_engine_prints_comes_through_unchanged(pods: Pods, server: Server) -> None:
    pods.pages[name("a")] = RECORDED
    read = source(server)
    (found,) = await until(lambda: read.samples(KEY, views("a")), [True])
    assert found == replace(sample(report(RECORDED, 0.0, 0), "uid-a"), started=None)
    assert found.first_token
    assert len(found.first_token.bounds) == 22
    assert found.intervals < 3
    await read.close()


async def test_counters_become_the_rates_that_they_had(pods: Pods, server: Server) -> None:
    """The page tells of ten requests in each second of the clock that reads it; rates know nothing of our looks."""
    began = time.time()
    pods.pages[name("b")] = page(0)
    read, watch, seen = source(server), Watch(), []
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(seen) < 3 and time.monotonic() < deadline:
        pods.pages[name("b")] = page(round(10 * (time.time() - began)))
        flow, watch = watch.look(await read.samples(KEY, views("b")), time.monotonic())
        seen += [each for each in flow.pods if each.seconds < 2] if flow else []
        await asyncio.sleep(0.05)
    assert all(5 < each.arrivals < 15 and each.token_seconds == 0.1 for each in seen), seen
    await read.close()


async def test_a_pod_that_vanishes_or_never_was_is_silent_and_never_idle(pods: Pods, server: Server) -> None:
    pods.pages |= {name("c"): page(10), name("d"): page(20, old=True)}
    read = source(server)
    ready = views("c", "d", "z")
    found = await until(lambda: read.samples(KEY, ready), [True, True, False])
    assert trust(found, needs_counters=True) == Trust(2 / 3, 1.0, 1.0)
    pods.pages[name("d")] = ""
    found = await until(lambda: read.samples(KEY, ready), [True, False, False])
    assert found[1:] == (Sample(pod="uid-d"), Sample(pod="uid-z"))
    await read.close()


@pytest.mark.parametrize(("pod", "running"), [("e", "NaN"), ("f", "+Inf"), ("g", "-1"), ("h", "1e300")])
async def test_a_page_without_numbers_stays_without(pods: Pods, server: Server, pod: str, running: str) -> None:
    pods.pages[name(pod)] = page(10, running=running)
    read = source(server)
    (bad,) = await read.samples(KEY, views(pod))
    deadline = time.monotonic() + PATIENCE_SECONDS
    while bad.prompt_tokens is None and time.monotonic() < deadline:
        await asyncio.sleep(0.2)
        (bad,) = await read.samples(KEY, views(pod))
    assert (bad.running, bad.prompt_tokens) == (None, 1000)
    await read.close()


async def test_other_fleets_are_not_ours(pods: Pods, server: Server) -> None:
    pods.pages |= dict.fromkeys([name("i"), *STRANGERS], page(10))
    read = source(server)
    await until(lambda: read.samples(KEY, views("i")), [True])
    strangers = [replace(views("i")[0], name=each) for each in STRANGERS]
    assert not any(each.is_heard for each in await read.samples(KEY, strangers))
    assert not any(each.is_heard for each in await read.samples(Key("team-b", "qwen"), views("i")))
    await read.close()


async def test_a_server_behind_tls_and_a_password(start: Start, tmp_path: Path) -> None:
    certificates.create(tmp_path / "tls", "127.0.0.1:1")
    files = {"cert_file": "apiserver.crt", "key_file": "apiserver.key"}
    pair = {key: str(tmp_path / "tls" / name) for key, name in files.items()}
    (tmp_path / "password").write_text("test\n")
    hashed = "$2b$12$hNf2lSsxfm0.i4a.1kVpSOVyBCfIB51VRjgBUyv6kdnyTlgWj81Ay"  # of the word "test"
    web = tmp_path / "web.yml"
    web.write_text(yaml.safe_dump({"tls_server_config": pair, "basic_auth_users": {"llmfleet": hashed}}))
    trusted = {"ca_file": str(tmp_path / "tls" / "ca.crt")}
    signed = {"username": "llmfleet", "password_file": str(tmp_path / "password")}
    plain = start(configured(tmp_path), f"--web.config.file={web}")
    secure = replace(plain, url=plain.url.replace("http:", "https:"))
    assert await source(secure, **trusted, **signed).samples(KEY, views("a")) == (Sample(pod="uid-a"),)
    for refused, words in (
        (source(secure, **signed), "shows a certificate that is not trusted"),
        (source(secure, **trusted), "refused: HTTP Status Code 401"),
    ):
        with pytest.raises(SourceUnavailable, match=words):
            await refused.samples(KEY, views("a"))
