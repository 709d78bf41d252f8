"""The tiny model on a PersistentVolume of the test cluster, as a claim ``models`` with a folder ``tiny``."""

from pathlib import Path

from e2e.cluster import Cluster
from e2e.engine import tiny_model

from .kubectl import Document, Kubectl

CLAIM = "models"
FOLDER = "tiny"


def provide(cluster: Cluster, kubectl: Kubectl) -> None:
    """Write the model, then the volume and the claim; the same again changes nothing."""
    folder = cluster.run_dir / "volumes" / CLAIM
    if not (folder / "complete").exists():
        tiny_model(folder / FOLDER)
        for path in (folder, *folder.rglob("*")):
            # Pods run as a user of their own.
            path.chmod(0o755 if path.is_dir() else 0o644)
        (folder / "complete").touch()
    kubectl.apply(volume(folder, kubectl.namespace), claim(kubectl.namespace))


def volume(folder: Path, namespace: str) -> Document:
    """A folder of the node, kept for one claim."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"{CLAIM}-{namespace}"},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadOnlyMany"],
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": "",
            "claimRef": {"namespace": namespace, "name": CLAIM},
            "hostPath": {"path": str(folder), "type": "Directory"},
        },
    }


def claim(namespace: str) -> Document:
    """The claim that ``pvc://models/…`` names."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": CLAIM, "namespace": namespace},
        "spec": {
            "accessModes": ["ReadOnlyMany"],
            "storageClassName": "",
            "volumeName": f"{CLAIM}-{namespace}",
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
