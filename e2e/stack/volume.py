"""The tiny model on a PersistentVolume of the test cluster: claim ``models``, folder ``tiny``, adapters beside it."""

import shutil
from pathlib import Path

from e2e.cluster import Cluster
from e2e.engine import tiny_adapter, tiny_gguf, tiny_model

from .kubectl import Document, Kubectl

CLAIM = "models"
FOLDER = "tiny"
READ, WRITTEN = "ReadOnlyMany", "ReadWriteMany"


def provide(cluster: Cluster, kubectl: Kubectl) -> None:
    """Write the model, then the volume and the claim; the same again changes nothing."""
    folder = cluster.run_dir / "volumes" / CLAIM
    if not (folder / "complete").exists():
        tiny_model(folder / FOLDER)
        make_readable(folder)
        (folder / "complete").touch()
    kubectl.apply(volume(folder, kubectl.namespace), claim(kubectl.namespace))


def provide_adapter(cluster: Cluster, says: str) -> str:
    """Write the adapter that says this beside the model, unless it is there; its uri."""
    folder = cluster.run_dir / "volumes" / CLAIM
    target = folder / f"says-{says}"
    if not target.exists():
        made = tiny_adapter(folder / f".{target.name}", folder / FOLDER, says=says)
        make_readable(made)
        made.rename(target)
    return f"pvc://{CLAIM}/{target.name}"


def provide_gguf(cluster: Cluster) -> str:
    """Write the tiny model as one file, alone in a folder, unless it is there; the folder's uri."""
    folder = cluster.run_dir / "volumes" / CLAIM
    target = folder / "tiny-gguf"
    if not target.exists():
        made = folder / f".{target.name}"
        tiny_gguf(made / "tiny.gguf", folder / FOLDER)
        make_readable(made)
        made.rename(target)
    return f"pvc://{CLAIM}/{target.name}"


def provide_cache(cluster: Cluster, kubectl: Kubectl, name: str) -> None:
    """An empty claim of this name that pods may write to."""
    folder = cluster.run_dir / "volumes" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    folder.chmod(0o777)  # pods run as a user of their own
    kubectl.apply(volume(folder, kubectl.namespace, name, WRITTEN), claim(kubectl.namespace, name, WRITTEN))


def make_readable(folder: Path) -> None:
    """Pods run as a user of their own."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def volume(folder: Path, namespace: str, name: str = CLAIM, mode: str = READ) -> Document:
    """A folder of the node, kept for one claim."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"{name}-{namespace}"},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": [mode],
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": "",
            "claimRef": {"namespace": namespace, "name": name},
            "hostPath": {"path": str(folder), "type": "Directory"},
        },
    }


def claim(namespace: str, name: str = CLAIM, mode: str = READ) -> Document:
    """The claim that ``pvc://NAME/…`` names."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "accessModes": [mode],
            "storageClassName": "",
            "volumeName": f"{name}-{namespace}",
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
