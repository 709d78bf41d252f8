"""The demo on a cluster that the user has: images and model are named, never built; nothing goes to its nodes."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass

import click

from e2e.stack import Kubectl, Stack, chart, sample
from e2e.stack.kubectl import Document


@dataclass(frozen=True, slots=True)
class Choice:
    """What only the user can know."""

    model: str
    image: str
    runtime_image: str

    @classmethod
    def of(cls, options: Mapping[str, str | None]) -> "Choice":
        """Refuse, naming every flag that is missing."""
        missing = [f"--{name.replace('_', '-')}" for name, value in options.items() if not value]
        if missing:
            raise click.UsageError(f"--context needs {', '.join(missing)} as well: nothing is built for your cluster.")
        return cls(**{name: str(value) for name, value in options.items()})


def prepare(context: str, namespace: str, choice: Choice) -> tuple[Stack, Document]:
    """Install the chart there and return the stack with the object to apply."""
    for tool in ("kubectl", "helm"):
        if shutil.which(tool) is None:
            raise click.UsageError(f"--context needs {tool} on the PATH.")
    kubectl = Kubectl(context=context, namespace=namespace)
    chart.install("helm", kubectl, choice.image, choice.runtime_image, chart.SHORT_WINDOWS)
    document = sample(model={"uri": choice.model}, resources=None, engine={"maxModelLen": None})
    return Stack(kubectl), document
