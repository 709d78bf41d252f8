"""``llmfleet wake``: start a fleet that sleeps, or have replicas ready before they are needed."""

import asyncio
from http import HTTPStatus

import click

from llmfleet.shell.cluster import ApiServer, api_client
from llmfleet.shell.console import WAKE_PATH, Woken
from llmfleet.shell.errors import FleetError, Refused
from llmfleet.shell.reach import Answer, ask, ask_directly


@click.command()
@click.argument("name")
@click.option("-n", "--namespace", default="default", show_default=True, help="Namespace of the LLMDeployment.")
@click.option("--replicas", type=click.IntRange(1, 1000), default=1, show_default=True, help="At least so many.")
@click.option("--operator-namespace", default="llmfleet-system", show_default=True, help="Where the operator runs.")
@click.option("--context", default=None, help="The kubeconfig's context. Default: the current one.")
@click.option("--operator", metavar="URL", default=None, help="Ask the operator here, without a port-forward.")
def wake(
    name: str, namespace: str, replicas: int, operator_namespace: str, context: str | None, operator: str | None
) -> None:
    """Start the fleet of the LLMDeployment NAME, and keep it for autoscaling.scaleToZeroAfterSeconds at least.

    The operator is reached by a port-forward to the pod that holds its Lease, under your own rights: get on leases and
    pods, get and create on pods/portforward, in the operator's namespace.
    """
    path, body = WAKE_PATH.format(namespace=namespace, name=name), {"replicas": replicas}
    try:
        if operator:
            answer = asyncio.run(ask_directly(operator, "POST", path, body))
        else:
            answer = asyncio.run(_forwarded(context, operator_namespace, path, body))
    except FleetError as error:
        raise click.ClickException(f"{error}\nNext: {_next_step(error)}") from error
    if answer.status != HTTPStatus.OK:
        raise click.ClickException(str(answer.document.get("message", answer.document)))
    click.echo(_told(name, Woken.model_validate(answer.document)))


async def _forwarded(context: str | None, operator_namespace: str, path: str, body: object) -> Answer:
    client = await api_client(context)
    try:
        return await ask(ApiServer(client), operator_namespace, "POST", path, body)
    finally:
        await client.close()


def _told(name: str, woken: Woken) -> str:
    if woken.replicas == woken.before:
        return f"{name} is awake: {woken.replicas} wanted ({woken.reason}: {woken.message})"
    return f"{name} is waking: {woken.before} -> {woken.replicas} replicas ({woken.reason}: {woken.message})"


def _next_step(error: FleetError) -> str:
    status = error.status if isinstance(error, Refused) else 0
    if status in (HTTPStatus.FORBIDDEN, HTTPStatus.UNAUTHORIZED):
        return (
            "have somebody grant you get on leases, pods and pods/portforward, and create on the last, in its namespace"
        )
    return "check the context, --operator-namespace, and that the operator runs: kubectl get lease llmfleet -A"
