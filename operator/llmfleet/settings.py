"""Operator configuration, read once from ``LLMFLEET_*`` variables and passed down."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel
from pydantic_settings import BaseSettings, SettingsConfigDict

from llmfleet_runtime.contract import DEFAULT_ENGINE, ENGINES

NAME = "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
PROXY = r"^(https?://[^\s/?#@]+/?)?$"
LABEL = "^[a-zA-Z_][a-zA-Z0-9_]*$"
Engine = Annotated[str, Field(pattern=f"^({'|'.join(name for name in ENGINES if name != DEFAULT_ENGINE)})$")]


class MetricsSource(BaseModel):
    """A PromQL-compatible server that reads the pods' metrics pages; spec.autoscaling.metricsSourceName names it."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True)

    name: str = Field(pattern=NAME, description="The name that LLMDeployments use.")
    url: str = Field(
        pattern=r"^https?://[^\s?#@]+$",
        description="Address of its HTTP API without /api/v1, such as http://prometheus.monitoring:9090.",
    )
    interval_seconds: Annotated[float, Field(ge=1, le=120)] = Field(
        default=15.0, description="How often it reads the pods, seconds; decisions on it are as far apart."
    )
    timeout_seconds: Annotated[float, Field(ge=0.5, le=30)] = Field(
        default=5.0, description="An answer that takes longer is none, seconds."
    )
    bearer_token_file: str = Field(default="", description="File with a bearer token, read before each question.")
    username: str = Field(default="", description="User name of basic authentication.")
    password_file: str = Field(default="", description="File with its password, read before each question.")
    ca_file: str = Field(default="", description="Certificates to trust instead of the system's.")
    namespace_label: str = Field(default="namespace", pattern=LABEL, description="Label with a pod's namespace.")
    pod_label: str = Field(default="pod", pattern=LABEL, description="Label with a pod's name.")

    @model_validator(mode="after")
    def _one_way_to_sign_in(self) -> "MetricsSource":
        if bool(self.username) != bool(self.password_file):
            raise ValueError(f"metrics source {self.name}: username and passwordFile come together")
        if self.username and self.bearer_token_file:
            raise ValueError(f"metrics source {self.name}: give either username or bearerTokenFile")
        return self


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
    engine_images: dict[Engine, dict[Literal["NVIDIA", "AMD", "CPU"], str]] = Field(
        default={},
        description="Runtime images of further engines by engine.type and accelerator.type, as a JSON object, such as "
        '{"LlamaCpp": {"NVIDIA": "registry.example.org/runtime-llamacpp:1"}}. Absent: ours.',
    )
    monitoring_namespaces: str = Field(
        default="",
        description="Comma-separated namespaces whose pods may read status and metrics of fleets with spec.access, "
        "beside the operator's own.",
    )
    hf_endpoint: str = Field(default="", description="Hub that hf:// models come from. Empty: the public one.")
    http_proxy: str = Field(
        default="",
        pattern=PROXY,
        description="Proxy by which pods fetch models and adapters from http:// addresses, such as "
        "http://proxy.example.org:3128; without user info. Empty: none.",
    )
    https_proxy: str = Field(default="", pattern=PROXY, description="The same for https:// addresses.")
    no_proxy: str = Field(
        default="",
        description="Comma-separated hosts, domains with a leading dot and addresses that pods reach without a proxy. "
        "The pod itself, .svc, .cluster.local and the nodes' identity services are always among them.",
    )
    ca_bundle_config_map: str = Field(
        default="",
        pattern=r"^([a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?)?$",
        description="ConfigMap of each fleet's namespace with the certificates that pods trust when they fetch "
        "models, instead of their image's. Empty: their image's.",
    )
    ca_bundle_key: str = Field(
        default="ca-bundle.crt", pattern=r"^[-._a-zA-Z0-9]{1,253}$", description="Its key with the certificates, PEM."
    )
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
    quantize_image: str = Field(
        default="",
        description="Image of the Jobs that make checkpoints for quantization.source Produced, of "
        "runtime/quantize.Containerfile. Empty: such objects are refused.",
    )
    autoscale_tick_seconds: Annotated[float, Field(ge=0.5, le=60)] = Field(
        default=5.0, description="Time between two looks at the load, seconds."
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
    metrics_sources: tuple[MetricsSource, ...] = Field(
        default=(),
        max_length=16,
        description="PromQL-compatible servers that LLMDeployments may be sized by, as a JSON list.",
    )
    gpu_hour_prices: dict[str, Annotated[float, Field(ge=0, le=1_000_000)]] = Field(
        default={},
        description="Price of one GPU for an hour by product of spec.accelerator.products, and * for any other, as a "
        "JSON object. Without one there is no cost in the metrics.",
    )
    workers: Annotated[int, Field(ge=1, le=64)] = Field(
        default=4, description="Reconciles that work side by side; waiting for pods is no work."
    )
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

    @model_validator(mode="after")
    def _names_are_unique(self) -> "Settings":
        found = [each.name for each in self.metrics_sources]
        if len(set(found)) < len(found):
            raise ValueError(f"metrics sources must have different names: {', '.join(found)}")
        return self

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The watched namespaces; none means the whole cluster."""
        return _listed(self.watch_namespaces)

    @property
    def allowed_host_paths(self) -> tuple[str, ...]:
        """Folders of nodes that may be caches."""
        return _listed(self.host_path_caches)

    @property
    def direct_hosts(self) -> tuple[str, ...]:
        """Hosts that pods reach without a proxy."""
        return _listed(self.no_proxy)

    @property
    def status_namespaces(self) -> tuple[str, ...]:
        """Namespaces whose pods may always read status and metrics: the operator's own comes first."""
        return tuple(dict.fromkeys((self.namespace, *_listed(self.monitoring_namespaces))))


def _listed(text: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in text.split(",") if each.strip())
