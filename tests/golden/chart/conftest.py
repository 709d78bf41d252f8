"""Helm of the test cluster, and the chart rendered by it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.cluster import Cluster, Profile
from tests.clusters import with_crd

CHART = Path(__file__).parents[3] / "charts" / "llmfleet"
CRD = CHART.parents[1] / "crds" / "llmdeployments.yaml"
Render = Callable[[dict[str, Any]], list[dict[str, Any]]]


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """The API server alone, with our CRD; its folder of programs holds helm."""
    return with_crd(Profile.API)


@pytest.fixture
def render(cluster: Cluster, tmp_path: Path) -> Render:
    """The chart's objects with these values, released as llmfleet in llmfleet-system."""

    def rendered(values: dict[str, Any]) -> list[dict[str, Any]]:
        return [each for each in yaml.safe_load_all(template(cluster, values, tmp_path)) if each]

    return rendered


def template(cluster: Cluster, values: dict[str, Any], folder: Path, *flags: str) -> str:
    """What helm prints; a ClusterError with helm's words when it refuses the values."""
    path = folder / "values.json"
    path.write_text(json.dumps(values), encoding="utf-8")
    return cluster.helm("template", "llmfleet", str(CHART), "--namespace=llmfleet-system", f"--values={path}", *flags)
