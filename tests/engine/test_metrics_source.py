"""What a real Prometheus tells of a pod with a real engine is what the pod tells itself."""

import asyncio
import time
from dataclasses import replace

from e2e import prometheus
from e2e.cluster import progress
from llmfleet.core.pods import Health, PodView
from llmfleet.core.scaling.sample import sample
from llmfleet.settings import MetricsSource
from llmfleet.shell.ports import Key
from llmfleet.shell.prometheus import Prometheus
from llmfleet_runtime.contract import LoadReport
from tests.engine.test_serving import post, settled_tokens
from tests.prometheus.conftest import REVISION, configured, free_port

NAME = f"tiny-{REVISION}-a"
PATIENCE_SECONDS = 30.0


async def test_a_source_and_the_pod_tell_the_same(pod, tmp_path):
    for length in (5, 20, 60):
        request = {"model": "tiny", "prompt": "hello", "max_tokens": length}
        await asyncio.to_thread(post, pod, "/v1/completions", request)
    await settled_tokens(pod)
    labels = {"namespace": "team-a", "pod": NAME}
    scrape = {"job_name": "pods", "static_configs": [{"targets": [f"127.0.0.1:{pod.status}"], "labels": labels}]}
    view = PodView(NAME, "uid-a", REVISION, Health.READY, has_served=True)
    programs = prometheus.install(progress.choose())
    with prometheus.serving(programs, configured(tmp_path, scrape), free_port()) as server:
        source = Prometheus(MetricsSource(name="main", url=server.url, interval_seconds=1.0))
        deadline = time.monotonic() + PATIENCE_SECONDS
        (found,) = await source.samples(Key("team-a", "tiny"), [view])
        while not found.is_heard and time.monotonic() < deadline:
            await asyncio.sleep(0.2)
            (found,) = await source.samples(Key("team-a", "tiny"), [view])
        await source.close()
    told = sample(LoadReport.model_validate_json(pod.get("/load")[1]), "uid-a")
    assert found == replace(told, started=None, idle_seconds=None)
    assert found.has_counters
    assert found.first_token.bounds
    assert found.request_token.bounds
