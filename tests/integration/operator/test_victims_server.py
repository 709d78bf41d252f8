"""Who leaves a fleet that shrinks, chosen by a real ReplicaSet controller after what the pods say."""

import time
from contextlib import ExitStack

import pytest

from e2e.stack.audit import AuditLog
from llmfleet.core.plan import Ref
from llmfleet.core.preview import NEW_UID
from llmfleet.shell.cluster import ApiServer, api_client
from tests.integration.operator.conftest import Start
from tests.integration.operator.fleet import Fleet
from tests.integration.operator.operator_process import eventually
from tests.integration.operator.played_pod import answers_at, busy_pod

pytestmark = pytest.mark.cluster
QUIET_SECONDS = 3


def addresses(fleet: Fleet) -> dict[str, str]:
    """Of the pods that stay, by name."""
    staying = [pod for pod in fleet.list("pods") if "deletionTimestamp" not in pod["metadata"]]
    return {pod["metadata"]["name"]: pod["status"].get("podIP", "") for pod in staying}


def shrunk(fleet: Fleet, size: int) -> dict[str, str]:
    fleet.edit(replicas=size)
    return eventually(lambda: addresses(fleet), lambda found: len(found) == size)


@pytest.mark.proves("R60")
def test_those_with_least_in_flight_leave_and_one_that_does_not_say_is_the_last(
    start: Start, fleet: Fleet, user: str, audit: AuditLog
) -> None:
    start()
    fleet.create(replicas=4)
    fleet.await_condition("Ready")
    few, none, many, silent = pods = addresses(fleet)
    with ExitStack() as played:
        for name, in_flight in ((few, 3), (none, 0), (many, 9)):
            played.enter_context(answers_at(pods[name], busy_pod(in_flight)))
        for staying in ({few, many, silent}, {many, silent}, {silent}):
            assert set(shrunk(fleet, len(staying))) == staying
        fleet.await_condition("Ready")
        played.enter_context(answers_at(pods[silent], busy_pod(1)))
        position = audit.end()
        fleet.kubectl("annotate", "llm", "qwen", "example.com/poke=1")
        time.sleep(QUIET_SECONDS)
        marks = [str(each) for each in audit.writes(position, user) if each.resource == "pods"]
    assert marks == []


async def test_a_mark_meets_exactly_the_pod_that_was_looked_at(
    start: Start, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    start()
    fleet.create(replicas=1)
    fleet.await_condition("Ready")
    [pod] = fleet.list("pods")
    name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
    where = "kubernetes.aio.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION"
    monkeypatch.setattr(where, str(fleet.cluster.kubeconfig))
    client = await api_client()
    try:
        api = ApiServer(client)
        await api.annotate(fleet.namespace, Ref("Pod", name), NEW_UID, {"example.com/mark": "of another"})
        assert "example.com/mark" not in fleet.list("pods")[0]["metadata"].get("annotations", {})
        await api.annotate(fleet.namespace, Ref("Pod", name), uid, {"example.com/mark": "of this one"})
        assert fleet.list("pods")[0]["metadata"]["annotations"]["example.com/mark"] == "of this one"
    finally:
        await client.close()
