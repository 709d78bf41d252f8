"""Operator configuration, read once from ``LLMFLEET_*`` variables and passed down."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Every setting with its unit and bounds; a bad one stops the operator with the field's name."""

    model_config = SettingsConfigDict(env_prefix="LLMFLEET_", frozen=True, extra="forbid")

    namespace: str = Field(default="llmfleet-system", description="Namespace the operator runs in; holds its Lease.")
    watch_namespaces: str = Field(
        default="", description="Comma-separated namespaces to watch. Empty: the whole cluster."
    )
    identity: str = Field(default="", description="This replica's name in the Lease. Empty: the host name.")
    image_nvidia: str = Field(default="ghcr.io/llmfleet/runtime:0.1.0", description="Runtime image for NVIDIA GPUs.")
    image_amd: str = Field(default="ghcr.io/llmfleet/runtime-rocm:0.1.0", description="Runtime image for AMD GPUs.")
    image_cpu: str = Field(default="ghcr.io/llmfleet/runtime-cpu:0.1.0", description="Runtime image for CPUs.")
    monitoring_namespaces: str = Field(
        default="",
        description="Comma-separated namespaces whose pods may read status and metrics of fleets with spec.access, "
        "beside the operator's own.",
    )
    hf_endpoint: str = Field(default="", description="Hub that hf:// models come from. Empty: the public one.")
    host_path_caches: str = Field(
        default="",
        description="Comma-separated folders of nodes that fleets may keep models below, such as /mnt/models. Empty: "
        "none. Whoever may write an LLMDeployment may then write there.",
    )
    endpoint_lag_seconds: Annotated[float, Field(ge=0, le=120)] = Field(
        default=8.0, description="How long a leaving pod keeps serving until every proxy has forgotten it, seconds."
    )
    inspection_timeout_seconds: Annotated[float, Field(ge=0, le=3600)] = Field(
        default=60.0,
        description="How long a new revision waits for the Job that reads its model's configuration and headers, "
        "seconds. 0: no such Jobs.",
    )
    autoscale_tick_seconds: Annotated[float, Field(ge=0.5, le=60)] = Field(
        default=2.0, description="Time between two looks at the load, seconds."
    )
    stable_window_seconds: Annotated[float, Field(ge=5, le=3600)] = Field(
        default=60.0, description="Window over which load is averaged for calm decisions, seconds."
    )
    panic_window_seconds: Annotated[float, Field(ge=1, le=600)] = Field(
        default=6.0, description="Window over which load is averaged for sudden bursts, seconds."
    )
    scale_down_hold_seconds: Annotated[float, Field(ge=0, le=86_400)] = Field(
        default=60.0, description="A lower size must have sufficed this long before it is taken, seconds."
    )
    workers: Annotated[int, Field(ge=1, le=64)] = Field(default=4, description="Reconciles that run side by side.")
    relist_seconds: Annotated[float, Field(ge=10, le=3600)] = Field(
        default=300.0, description="Time between two full listings, which find what a broken watch missed, seconds."
    )
    watch_silence_seconds: Annotated[float, Field(ge=5, le=600)] = Field(
        default=70.0,
        description="A watch that says nothing for so long is opened again, seconds. Servers send a sign of life every "
        "minute.",
    )
    health_port: Annotated[int, Field(ge=1, le=65_535)] = Field(
        default=8080, description="Port of /livez, /readyz and /metrics."
    )
    loopback_port: Annotated[int, Field(ge=1, le=65_535)] = Field(
        default=8081, description="Port on loopback at which llmfleet wake reaches the operator by a port-forward."
    )
    lease_duration_seconds: Annotated[float, Field(ge=3, le=300)] = Field(
        default=15.0, description="A leader that has not renewed for this long may be replaced, seconds."
    )
    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="Least level logged.")

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The watched namespaces; none means the whole cluster."""
        return _listed(self.watch_namespaces)

    @property
    def allowed_host_paths(self) -> tuple[str, ...]:
        """Folders of nodes that may be caches."""
        return _listed(self.host_path_caches)

    @property
    def status_namespaces(self) -> tuple[str, ...]:
        """Namespaces whose pods may always read status and metrics: the operator's own comes first."""
        return tuple(dict.fromkeys((self.namespace, *_listed(self.monitoring_namespaces))))


def _listed(text: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in text.split(",") if each.strip())
