"""How a pod comes to a model: the address it is told, the claim it mounts, and what the kubelet reads of a Secret."""

from typing import Any

from llmfleet.api.model import Files
from llmfleet.api.v1alpha1 import LLMDeployment
from llmfleet_runtime import contract
from llmfleet_runtime.contract import ModelFiles


def claim(uri: str) -> str | None:
    """The PersistentVolumeClaim of a ``pvc://`` address."""
    return uri.removeprefix("pvc://").split("/", 1)[0] if uri.startswith("pvc://") else None


def model_source(uri: str) -> str:
    """A folder in the container, the name of a hub repository, or an address that the launcher fetches."""
    scheme, rest = uri.split("://", 1)
    if scheme == "pvc":
        return f"{contract.MODEL_FOLDER}/{rest.split('/', 1)[1]}"
    return rest if scheme in ("hf", "file") else uri


def model_files(files: Files | None) -> ModelFiles | None:
    """Which files of it are fetched."""
    return ModelFiles(include=files.include, exclude=files.exclude) if files else None


def credentials(deployment: LLMDeployment) -> list[dict[str, Any]]:
    """What the source of the model asks for; the kubelet reads it out of the user's Secret."""
    model = deployment.spec.model
    if model.credentials is None:
        return []
    secret = model.credentials.secret_name
    if model.uri.startswith("hf://"):
        return [_secret(secret, contract.HUB_TOKEN)]
    if model.uri.startswith("gs://"):
        return [_secret(secret, contract.GOOGLE_CREDENTIALS)]
    if model.uri.startswith("oci://"):
        return [_secret(secret, contract.REGISTRY_LOGIN_KEY) | {"name": contract.REGISTRY_LOGIN}]
    needed = [_secret(secret, key) for key in contract.STORE_KEYS]
    return [*needed, *(_secret(secret, key, optional=True) for key in contract.STORE_SETTINGS)]


def _secret(name: str, key: str, **members: bool) -> dict[str, Any]:
    return {"name": key, "valueFrom": {"secretKeyRef": {"name": name, "key": key, **members}}}
