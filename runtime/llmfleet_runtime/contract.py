"""The contract between the operator and a serving pod: documents, paths, ports, exit codes.

The operator imports this module and nothing else of the package. Every document carries a
``version``; readers ignore members they do not know, so an older side can read a newer one.
"""

from enum import IntEnum, StrEnum
from typing import Literal

from . import measures
from .allowed import (
    ALLOWED_ARGUMENTS,
    ENV_NAME_PATTERN,
    FLAG_ARGUMENTS,
    REFUSED_ENV_NAMES,
    REFUSED_ENV_PREFIXES,
)
from .config import SERVING_PORT, EngineConfig, NamedValue, Quantization
from .cpu_cache import kv_cache_bytes
from .document import Document
from .engines.dialect import Dialect
from .engines.table import DEFAULT as DEFAULT_ENGINE
from .engines.table import ENGINES
from .facts import (
    AdapterFacts,
    LayerGroup,
    LayerKind,
    ModelFacts,
    QuantizationFacts,
    TargetModule,
    WeightRole,
    Weights,
    WeightsFrom,
)
from .findings import Findings, InspectionReason
from .lora import (
    ADAPTER_NAME_CHARACTERS,
    ADAPTER_NAME_PATTERN,
    Adapter,
    AdapterReason,
    AdapterState,
    AdapterStatus,
    LoraLimits,
)
from .made import PRODUCING, QUANTIZING, QUANTIZING_METHODS, SERVED_AS, Made, Order, Production, Quality, Refusal, Step
from .precision import Precision, contradiction, precision
from .readiness import EngineWarning, StartupPhases, WarningReason
from .source import REMOTE_SCHEMES, DownloadReason, DownloadStatus, ModelFiles
from .task import unfit
from .unserved import SERVED_ON_CPU, unserved

__all__ = [
    "ADAPTER_NAME_CHARACTERS",
    "ADAPTER_NAME_PATTERN",
    "ALLOWED_ARGUMENTS",
    "DEFAULT_ENGINE",
    "ENGINES",
    "ENV_NAME_PATTERN",
    "FLAG_ARGUMENTS",
    "PRODUCING",
    "QUANTIZING",
    "QUANTIZING_METHODS",
    "REFUSED_ENV_NAMES",
    "REFUSED_ENV_PREFIXES",
    "REMOTE_SCHEMES",
    "SERVED_AS",
    "SERVED_ON_CPU",
    "SERVING_PORT",
    "Adapter",
    "AdapterFacts",
    "AdapterReason",
    "AdapterState",
    "AdapterStatus",
    "Dialect",
    "Document",
    "DownloadReason",
    "DownloadStatus",
    "EngineConfig",
    "EngineWarning",
    "ExitCode",
    "Farewell",
    "Findings",
    "InspectionReason",
    "LayerGroup",
    "LayerKind",
    "LiveConfig",
    "LoadReport",
    "LoraLimits",
    "Made",
    "ModelFacts",
    "ModelFiles",
    "NamedValue",
    "Order",
    "Phase",
    "Precision",
    "Production",
    "Quality",
    "Quantization",
    "QuantizationFacts",
    "Refusal",
    "RuntimeStatus",
    "StartupPhases",
    "Step",
    "TargetModule",
    "Totals",
    "WarningReason",
    "WeightRole",
    "Weights",
    "WeightsFrom",
    "contradiction",
    "kv_cache_bytes",
    "measures",
    "precision",
    "unfit",
    "unserved",
]

CONFIG_FOLDER = "/etc/llmfleet"
ENGINE_FILE = "engine.json"
LIVE_FILE = "live.json"
TERMINATION_MESSAGE_FILE = "/dev/termination-log"
TERMINATION_MESSAGE_BYTES = 4096
SCRATCH_FOLDER = "/tmp"  # noqa: S108 because the pod mounts an emptyDir there; the root file system is read-only
CACHE_FOLDER = "/var/cache/llmfleet"
MODEL_FOLDER = "/models"
"""A ``pvc://claim/path`` model is mounted here, read-only."""
CERTIFICATES_FOLDER = "/etc/ssl/llmfleet"
CA_BUNDLE = "ca-bundle.crt"
"""The certificates to trust instead of the image's, in that folder; only where the operator's settings name some."""
ADAPTER_FOLDER = f"{SCRATCH_FOLDER}/adapters"
"""Every adapter's files, for the life of the pod: the engine reads them again whenever it needs them."""

HUB_TOKEN = "HF_TOKEN"  # noqa: S105 because it is the name of a variable and of a Secret's key, no token
"""Variable of the container, and key of the user's Secret that it comes from."""

STORE_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
"""Variables of the container, and keys of the user's Secret, that an object store asks for."""
STORE_SETTINGS = ("AWS_SESSION_TOKEN", "AWS_REGION", "AWS_ENDPOINT_URL")
"""The same, and the Secret may lack them."""

GOOGLE_CREDENTIALS = "GOOGLE_CREDENTIALS"
"""Variable of the container, and key of the user's Secret: the JSON of a service account's key, for ``gs://``."""

REGISTRY_LOGIN = "LLMFLEET_REGISTRY_LOGIN"
"""Variable of the container that holds the ``.dockerconfigjson`` of the user's Secret."""
REGISTRY_LOGIN_KEY = ".dockerconfigjson"

CHAT_TEMPLATE = "LLMFLEET_CHAT_TEMPLATE"
"""Variable of the container that holds a chat template; the kubelet fills it from the user's ConfigMap."""

STATUS_PORT = 9000

LIVEZ_PATH = "/livez"
READYZ_PATH = "/readyz"
STATUS_PATH = "/status"
LOAD_PATH = "/load"
METRICS_PATH = "/metrics"


class ExitCode(IntEnum):
    """How the launcher ends; never the engine's own code, which is 0 for a crash too (vLLM 0.32)."""

    STOPPED = 0
    BAD_CONFIG = 64
    ENGINE_DIED = 70


class Phase(StrEnum):
    """Where a pod stands in its life; the transitions are the table in ``lifecycle.py``."""

    DOWNLOADING = "Downloading"
    """Before the table's: the model is fetched, and no engine runs."""
    STARTING = "Starting"
    WARMING = "Warming"
    READY = "Ready"
    DRAINING = "Draining"
    STOPPING = "Stopping"
    FAILED = "Failed"


class LiveConfig(Document):
    """``live.json``: what changes without a restart. ``number`` grows with every change."""

    version: Literal[1] = 1
    number: int = 0
    drain_timeout_seconds: float = 120.0
    adapters: tuple[Adapter, ...] | None = None
    """All that shall be served; absent says nothing about adapters."""


class RuntimeStatus(Document):
    """``GET /status`` of the launcher."""

    version: Literal[1] = 1
    phase: Phase
    since: float
    """Unix time at which the phase began, seconds."""
    engine: str = DEFAULT_ENGINE.lower()
    engine_version: str | None = None
    guarded: bool = True
    live_number: int = 0
    max_model_len: int | None = None
    """What the engine chose or was told, tokens; absent before Ready."""
    kv_cache_tokens: int | None = None
    quantization: str | None = None
    """What the served weights are; absent when nobody looked."""
    commit: str | None = None
    """What was fetched: the hub's commit, the archive's digest, or one over the object store's listing."""
    download: DownloadStatus | None = None
    """Only in the phase Downloading."""
    message: str = ""
    adapters: tuple[AdapterStatus, ...] | None = None
    """In the order of the live document; absent where the engine takes none."""
    startup: StartupPhases | None = None
    """Absent before Ready."""
    warnings: tuple[EngineWarning, ...] | None = None
    """Absent before Ready, and where there is none."""


class Totals(Document):
    """A histogram's running sum (seconds), count and buckets; all only grow while the engine lives."""

    sum: float = 0.0
    count: float = 0.0
    buckets: tuple[tuple[float, float], ...] | None = None
    """(Upper bound in seconds, observations up to it), ascending, without the infinite one."""


class LoadReport(Document):
    """``GET /load``: the pod's traffic in about 1 kB. A number the engine does not give is absent."""

    version: Literal[1] = 1
    started: float
    """Unix time the engine started; counters restart with it."""
    in_flight: int
    """Requests the guard has let in and not finished."""
    idle_seconds: float | None = None
    """How long no request has been in flight; 0 while one is."""
    running: float | None = None
    waiting: float | None = None
    steps: float | None = None
    """Of the engine's loop; only where its other numbers stand still while it works."""
    kv_cache_usage: float | None = None
    """0 to 1."""
    prompt_tokens: float | None = None
    generation_tokens: float | None = None
    time_to_first_token: Totals | None = None
    time_per_output_token: Totals | None = None
    """From token to token, one observation a token; its buckets are left out."""
    request_time_per_output_token: Totals | None = None
    """The mean of one request, one observation at its end."""


class Farewell(Document):
    """The termination message: why the launcher ended and what the drain cost. At most 4,096 bytes."""

    version: Literal[1] = 1
    exit_code: int
    reason: str
    """``Stopped``, ``EngineDied``, ``BadConfig``, or sharper: ``QuantizationMismatch``, a ``DownloadReason``."""
    message: str = ""
    """The engine's own last words, shortened from the front."""
    in_flight_at_start: int | None = None
    finished: int | None = None
    aborted: int | None = None
    seconds: float | None = None
