"""The policy that is replayed when no file is given: the one of the object in the cluster."""

import pytest
from kubernetes.aio.client import ApiClient

from llmfleet.commands import replay as command
from tests.builders import deployment, with_autoscaling
from tests.wire.server import Wire

NOW = 1_700_000_000.0


@pytest.fixture
def cluster(wire: Wire, client: ApiClient, monkeypatch: pytest.MonkeyPatch) -> Wire:
    async def api_client() -> ApiClient:
        return client

    monkeypatch.setattr(command, "api_client", api_client)
    return wire


async def test_it_is_read_and_nothing_is_written(cluster: Wire) -> None:
    cluster.respond = lambda _: (200, deployment(with_autoscaling(2, 5)))
    found = await command._today("team-a", "qwen", NOW)
    policy = found.timetable.policy(NOW)
    assert (found.name, policy.min_replicas, policy.max_replicas) == ("team-a/qwen", 2, 5)
    assert [(each.method, each.name) for each in cluster.requests] == [("GET", "qwen")]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((404, {"message": "not found"}), "there is no LLMDeployment team-a/qwen"),
        ((200, deployment()), "team-a/qwen: it has no spec.autoscaling"),
    ],
)
async def test_without_one_the_next_step_is_said(cluster: Wire, answer: tuple, words: str) -> None:
    cluster.respond = lambda _: answer
    with pytest.raises(ValueError, match=f"{words}\nNext: give .*--policy FILE"):
        await command._today("team-a", "qwen", NOW)
