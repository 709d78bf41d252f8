"""Policy files for the commands that try them, and what these tell."""

from pathlib import Path

import yaml

TARGETS = {"timeToFirstToken": {"milliseconds": 2000}, "timePerOutputToken": {"milliseconds": 100}}


def policy(name: str, targets: dict = TARGETS, **members: object) -> str:
    """The name, of a file with members of the spec beside the usual ones."""
    spec = {"model": {"uri": "hf://a/b"}, "autoscaling": {"minReplicas": 1, "maxReplicas": 8, "targets": targets}}
    kind = {"apiVersion": "llmfleet.io/v1alpha1", "kind": "LLMDeployment", "metadata": {"name": "a"}}
    Path(name).write_text(yaml.safe_dump({**kind, "spec": {**spec, **members}}))
    return name


def scaling(name: str, **members: object) -> str:
    """The same with members of spec.autoscaling."""
    return policy(name, autoscaling={"minReplicas": 1, "maxReplicas": 8, "targets": TARGETS, **members})


def rows(text: str) -> list[list[str]]:
    """The table's lines, by words."""
    return [line.split() for line in text.splitlines() if line.strip().split(" ")[0].endswith(".yaml")]
