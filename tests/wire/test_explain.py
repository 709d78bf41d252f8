"""``llmfleet explain`` against an API server: what is told where the operator cannot be asked."""

import pytest
from click.testing import CliRunner
from kubernetes.aio.client import ApiClient

from llmfleet.__main__ import main
from llmfleet.commands import explain as command
from llmfleet.commands.explain import Place
from llmfleet.core.explain.account import Account, NotAutoscaled
from llmfleet.shell.errors import Refused
from tests.builders import deployment, with_autoscaling, with_decision, with_spec
from tests.wire.server import Answer, Request, Wire

SIZED = deployment(with_autoscaling(1, 4), with_decision(3))
PLACE = Place("qwen", "team-a", "llmfleet-system", None, None)


@pytest.fixture
def told(client: ApiClient, wire: Wire, monkeypatch: pytest.MonkeyPatch):
    """The account that the command makes of an object, while the Lease may not be read."""

    async def same(context: str | None) -> ApiClient:
        return client

    async def account(raw: dict | None) -> Account:
        def respond(request: Request) -> Answer:
            if "/llmdeployments/" in request.path:
                return (200, raw) if raw else (404, {"message": "not found"})
            return 403, {"message": "leases is forbidden"}

        wire.respond = respond
        return await command._account(PLACE, 3600)

    monkeypatch.setattr(command, "api_client", same)
    return account


async def test_the_status_is_told_and_what_is_missing_and_why(told) -> None:
    found = await told(SIZED)
    assert (found.standing.desired, found.least, found.most) == (3, 1, 4)
    assert found.sources[0] == "the last ten decisions of the status"
    assert "the operator could not be asked" in found.sources[1]
    assert "forbidden" in found.sources[1]


@pytest.mark.parametrize(
    ("raw", "error", "expected"),
    [
        (None, Refused, "there is no LLMDeployment of that name"),
        (deployment(with_spec(replicas=2)), NotAutoscaled, "no spec.autoscaling"),
    ],
)
async def test_what_cannot_be_explained_is_an_error(told, raw, error: type, expected: str) -> None:
    with pytest.raises(error, match=expected):
        await told(raw)


def test_without_a_cluster_the_error_names_the_fleet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    found = CliRunner().invoke(main, ["explain", "qwen", "-n", "team-a"])
    assert found.exit_code == 1
    assert "team-a/qwen: no cluster" in found.output
