"""What settings put into a new revision."""

from llmfleet.api.workload import AcceleratorType
from llmfleet.core.template import Defaults
from llmfleet.settings import Settings


def defaults_of(settings: Settings) -> Defaults:
    """The part of the settings that decisions need."""
    images = {
        AcceleratorType.NVIDIA: settings.image_nvidia,
        AcceleratorType.AMD: settings.image_amd,
        AcceleratorType.CPU: settings.image_cpu,
    }
    return Defaults(
        images,
        settings.hf_endpoint,
        settings.endpoint_lag_seconds,
        settings.allowed_host_paths,
        settings.status_namespaces,
        settings.inspection_timeout_seconds,
    )
