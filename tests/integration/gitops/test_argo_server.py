"""README's command for Argo CD, on a ConfigMap that others have filled before."""

import json
import re
import shlex
from pathlib import Path

import pytest

from e2e.cluster import Cluster

pytestmark = pytest.mark.cluster
ROOT = Path(__file__).parents[3]
KEY = "resource.customizations.health.llmfleet.io_LLMDeployment"
SCRIPT = "charts/llmfleet/files/argocd/health.lua"


def _commands() -> list[list[str]]:
    """The pipeline of README's code block that names the script, a list of words for each command."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    (block,) = (each for each in blocks if SCRIPT in each)
    return [shlex.split(command) for command in block.replace("\\\n", " ").split("|")]


@pytest.mark.proves("R51")
def test_the_readmes_command_adds_the_health_check_and_leaves_the_rest(
    cluster: Cluster, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    cluster.kubectl("-n", namespace, "create", "configmap", "argocd-cm", "--from-literal=url=https://argocd.example")
    printed = None
    for kubectl, *words in _commands():
        assert kubectl == "kubectl"
        printed = cluster.kubectl(*(namespace if word == "argocd" else word for word in words), input=printed)
    found = json.loads(cluster.kubectl("-n", namespace, "get", "configmap", "argocd-cm", "-o", "json"))
    assert found["data"] == {"url": "https://argocd.example", KEY: (ROOT / SCRIPT).read_text(encoding="utf-8")}
