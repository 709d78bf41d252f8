"""``python -m e2e.demo``: the whole story on a cluster of its own, or on one that the user names."""

import sys
import time

import click

from e2e import cluster as clusters
from e2e.cluster import ClusterError, Profile, progress
from e2e.engine.install import InstallError
from e2e.stack import KubectlError, NotInTime, bring_up, sample

from . import chapters, foreign
from .screen import Screen
from .stage import Stage

TROUBLE = (ClusterError, InstallError, KubectlError, NotInTime, RuntimeError)


@click.command()
@click.option("--keep", is_flag=True, help="Leave everything running and say what to try next.")
@click.option("--context", help="A cluster you have, by its context; nothing is built for it or written to its nodes.")
@click.option("--model", help="With --context: the model's uri, such as hf://Qwen/Qwen3-0.6B.")
@click.option("--image", help="With --context: the operator's image, NAME:TAG.")
@click.option("--runtime-image", help="With --context: the runtime's image, NAME:TAG.")
@click.option("--namespace", default="default", show_default=True, help="With --context: where the object goes.")
def main(*, keep: bool, context: str | None, namespace: str, **foreign_options: str | None) -> None:
    """Show an LLMDeployment's whole life with real vLLM pods."""
    screen = Screen()
    found = clusters.find(Profile.FULL) if context is None else None
    try:
        if context is None:
            screen.chapter("A cluster")
            began = time.monotonic()
            stack, manifest = bring_up(progress.choose()), sample()
            screen.fact(f"Kubernetes, llmfleet and a model are ready after {time.monotonic() - began:.0f} s", "green")
        else:
            stack, manifest = foreign.prepare(context, namespace, foreign.Choice.of(foreign_options))
        stage = Stage(screen, stack, manifest)
        tell(stage, keep=keep)
    except TROUBLE as error:
        screen.console.print(f"demo: {error}", style="bold red", markup=False)
        sys.exit(1)
    except KeyboardInterrupt:
        screen.console.print("\ndemo: stopped; what was started keeps running: `poe cluster down` ends it.")
        sys.exit(130)
    if not keep and context is None and found is None:
        # The cluster was started for this run alone.
        clusters.down(Profile.FULL, report=progress.choose())
    sys.exit(1 if stage.failures else 0)


def tell(stage: Stage, *, keep: bool) -> None:
    """All chapters, then what was measured."""
    began = time.monotonic()
    leave_nothing_of_an_earlier_run(stage)
    for chapter in (chapters.serve, chapters.ask, chapters.grow, chapters.shrink, chapters.mistake):
        chapter(stage)
    if not keep:
        chapters.remove(stage)
    stage.measured.append(("requests in all", f"{stage.requests} sent, {stage.failures} failed"))
    stage.measured.append(("the whole story", f"{time.monotonic() - began:.0f} s"))
    stage.screen.table("What was measured", stage.measured)
    if keep:
        invite(stage)


def leave_nothing_of_an_earlier_run(stage: Stage) -> None:
    """A run that was stopped left its object; the story begins without it."""
    if stage.stack.kubectl.find("llmdeployments.llmfleet.io", stage.fleet.name):
        stage.screen.fact("removing the object of an earlier run")
        stage.fleet.delete(seconds=300)


def invite(stage: Stage) -> None:
    """What to try on what was left running."""
    name = stage.fleet.name
    stage.screen.console.print("\nEverything is left running. Try next:", style="bold")
    lines: list[str] = []
    if stage.stack.cluster is not None:
        cluster = stage.stack.cluster
        lines += [f"export KUBECONFIG={cluster.kubeconfig} PATH={cluster.bin}:$PATH"]
        body = f'{{"model": "{stage.model_name}", "prompt": "Hello", "max_tokens": 20}}'
        curl = f"curl {stage.fleet.url()}/v1/completions -H 'Content-Type: application/json' -d '{body}'"
        lines += [curl]
    lines += [
        "kubectl get llm --watch",
        f"kubectl describe llm {name}",
        f"kubectl edit llm {name}        # change engine.maxConcurrency and watch the new revision take over",
        f"kubectl delete llm {name}",
    ]
    if stage.stack.cluster is not None:
        lines.append("python3 e2e cluster down")
    for line in lines:
        stage.screen.console.print(f"  {line}", markup=False, soft_wrap=True)


if __name__ == "__main__":
    main()
