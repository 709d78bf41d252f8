"""What settings put into a new revision."""

from llmfleet.api.workload import AcceleratorType
from llmfleet.core.egress import Egress
from llmfleet.core.template import Defaults
from llmfleet.settings import Settings
from llmfleet_runtime.contract import DEFAULT_ENGINE, ENGINES

REPOSITORY = "ghcr.io/llmfleet/runtime"
BUILDS = {
    AcceleratorType.NVIDIA: ":0.1.0",
    AcceleratorType.AMD: "-rocm:0.1.0",
    AcceleratorType.CPU: "-cpu:0.1.0",
}


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
        _engine_images(settings),
        settings.quantize_image,
        _egress(settings),
    )


def _egress(settings: Settings) -> Egress:
    return Egress(
        settings.http_proxy,
        settings.https_proxy,
        settings.direct_hosts,
        settings.ca_bundle_config_map,
        settings.ca_bundle_key if settings.ca_bundle_config_map else "",
    )


def _engine_images(settings: Settings) -> dict[tuple[str, str], str]:
    """Ours, with the settings' own laid over them."""
    others = [name for name in ENGINES if name != DEFAULT_ENGINE]
    ours = {(name, kind): f"{REPOSITORY}-{name.lower()}{build}" for name in others for kind, build in BUILDS.items()}
    return ours | {
        (name, kind): image for name, images in settings.engine_images.items() for kind, image in images.items()
    }
