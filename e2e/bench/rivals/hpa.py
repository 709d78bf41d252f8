"""Kubernetes' own HPA controller: HPAs with the defaults, all times shorter by one factor."""

from collections.abc import Iterable

from e2e.bench.autoscaling.rivals import HPA, MOST

from .scene import MARK, NAMESPACE, Document, Scene
from .series import SERIES, TARGET, TIME_SCALE, Trial

TRIALS = {name: Trial(name, HPA) for name in SERIES}
WINDOW_SECONDS, PERIOD_SECONDS = round(300 / TIME_SCALE), round(15 / TIME_SCALE)


def begin(scene: Scene, names: Iterable[str], port: int) -> None:
    """Have the server ask the adapter there, make Deployments and HPAs, and start the controller."""
    scene.register(port)
    scene.apply(each for name in names for each in (deployment(name), autoscaler(name)))
    scene.start_hpa()


def metadata(name: str) -> Document:
    """Of everything that the bench makes."""
    return {"name": name, "namespace": NAMESPACE, "labels": {"bench": MARK}}


def deployment(name: str) -> Document:
    """One replica of nothing."""
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "none", "image": "none"}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(name),
        "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
    }


def behavior() -> Document:
    """The defaults: up by 100 % or 4 pods in 15 s, down to the highest recommendation of 300 s."""
    double = {"type": "Percent", "value": 100, "periodSeconds": PERIOD_SECONDS}
    four = {"type": "Pods", "value": 4, "periodSeconds": PERIOD_SECONDS}
    return {
        "scaleUp": {"stabilizationWindowSeconds": 0, "policies": [double, four]},
        "scaleDown": {"stabilizationWindowSeconds": WINDOW_SECONDS, "policies": [double]},
    }


def autoscaler(name: str) -> Document:
    """An HPA by the sum over all pods, so much for each."""
    metric = {"metric": {"name": name}, "target": {"type": "AverageValue", "averageValue": f"{TARGET:g}"}}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata(name),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": 1,
            "maxReplicas": MOST,
            "metrics": [{"type": "External", "external": metric}],
            "behavior": behavior(),
        },
    }
