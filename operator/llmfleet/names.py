"""Every label, annotation, field manager and object name the operator uses."""

GROUP = "llmfleet.io"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "LLMDeployment"
PLURAL = "llmdeployments"
SINGULAR = "llmdeployment"
SHORT_NAME = "llm"
CATEGORY = "llmfleet"

CHILDREN_MANAGER = "llmfleet"
STATUS_MANAGER = "llmfleet-status"
AUTOSCALER_MANAGER = "llmfleet-autoscaler"
EVENT_COMPONENT = "llmfleet"

MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
MANAGED_BY = "llmfleet"
APP_NAME_LABEL = "app.kubernetes.io/name"
APP_NAME = "llm-server"
DEPLOYMENT_LABEL = f"{GROUP}/deployment"
UID_LABEL = f"{GROUP}/uid"
REVISION_LABEL = f"{GROUP}/revision"
INTENT_ANNOTATION = f"{GROUP}/intent"
LIVE_ANNOTATION = f"{GROUP}/live"
DELETION_COST_ANNOTATION = "controller.kubernetes.io/pod-deletion-cost"

NAMESPACE_LABEL = "kubernetes.io/metadata.name"
"""Carried by every namespace, with its name."""

LEASE_NAME = "llmfleet"
ENGINE_CONTAINER = "engine"
INSPECTION_CONTAINER = "inspection"
INSPECTION_NAME = "llm-inspection"
QUANTIZING_CONTAINER = "quantizing"
QUANTIZING_NAME = "llm-quantizing"

GPU_PRODUCT_LABELS = {"NVIDIA": "nvidia.com/gpu.product", "AMD": "amd.com/gpu.product-name"}
GPU_RESOURCES = {"NVIDIA": "nvidia.com/gpu", "AMD": "amd.com/gpu"}

MAX_NAME_LENGTH = 45
FACTS = "-facts"


def revision_name(name: str, revision: str) -> str:
    """The Deployment, ControllerRevision and engine ConfigMap of one revision; at most 56 characters."""
    return f"{name}-{revision}"


def facts_name(name: str, revision: str) -> str:
    """The Job that reads a revision's model; at most 62 characters."""
    return f"{revision_name(name, revision)}{FACTS}"


def checkpoint_name(name: str, revision: str) -> str:
    """The Job that makes a revision's checkpoint; at most 62 characters."""
    return f"{revision_name(name, revision)}-quant"


def live_name(name: str) -> str:
    """The ConfigMap that holds the live document."""
    return f"{name}-live"


def managed_labels(name: str, uid: str) -> dict[str, str]:
    """Labels on every child of one LLMDeployment."""
    return {MANAGED_BY_LABEL: MANAGED_BY, DEPLOYMENT_LABEL: name, UID_LABEL: uid}


def pod_labels(name: str, uid: str, revision: str) -> dict[str, str]:
    """Labels on every pod; a selector over UID and revision matches nothing of a forerunner's."""
    return managed_labels(name, uid) | {APP_NAME_LABEL: APP_NAME, REVISION_LABEL: revision}


def job_labels(name: str, app: str) -> dict[str, str]:
    """Labels on the pod of a Job: no selector of a fleet's pods matches them."""
    return {MANAGED_BY_LABEL: MANAGED_BY, DEPLOYMENT_LABEL: name, APP_NAME_LABEL: app}


def endpoint(name: str, namespace: str, port: int) -> str:
    """The OpenAI-compatible base URL inside the cluster."""
    return f"http://{name}.{namespace}.svc:{port}/v1"
