"""One model, one accelerator, one set of settings -> does it fit, and what limits it."""

from dataclasses import dataclass, replace
from enum import StrEnum

from llmfleet.core.capability import requirement, shown
from llmfleet.core.fit.accelerators import GIB, Accelerator
from llmfleet.core.fit.cache import Layout, Pool, pool
from llmfleet.core.fit.overhead import activation_bytes, cpu_worker_bytes, driver_bytes, graph_bytes, lora_bytes
from llmfleet.core.fit.settings import DTYPE_BYTES, KV_BYTES, Settings, batched_tokens, sequences
from llmfleet.core.fit.weights import model_dtype, weight_bytes
from llmfleet_runtime.contract import LayerKind, ModelFacts

CLOSE = 0.1
"""Of what the engine may use: nearer to the limit than this, the estimates decide."""
LEAST_CONTEXT = 1024
"""Tokens: a shorter context is neither chosen nor proposed."""
DEFAULT_POSITIONS = 2048
"""vLLM's context for a model that names none. (config/model.py)"""


class Verdict(StrEnum):
    """Whether the engine will start and hold what is asked."""

    FITS = "Fits"
    DOES_NOT_FIT = "DoesNotFit"
    UNKNOWN = "Unknown"


@dataclass(frozen=True)
class Share:
    """One use of a device's memory."""

    what: str
    bytes: int
    why: str
    is_estimate: bool = False


@dataclass(frozen=True)
class Fit:
    """The answer. Bytes are of one device; all have the same."""

    verdict: Verdict
    reason: str
    accelerator: Accelerator
    settings: Settings
    max_model_len: int
    budget_bytes: int
    """What the engine may use of the device."""
    shares: tuple[Share, ...] = ()
    """Everything but the cache."""
    cache_bytes: int | None = None
    """What is left for the cache; negative when not even the rest fits."""
    needed_bytes: int | None = None
    """Cache for the context and concurrency asked for."""
    pool: Pool | None = None
    largest_context: int | None = None
    """Tokens at the concurrency asked for."""
    concurrency: float | None = None
    """Requests of ``max_model_len`` tokens."""
    notes: tuple[str, ...] = ()

    @property
    def headroom_bytes(self) -> int | None:
        """How much more there is than needed; negative: how much is missing."""
        if self.cache_bytes is None or self.needed_bytes is None:
            return None
        return self.cache_bytes - self.needed_bytes

    @property
    def is_close(self) -> bool:
        """Whether the estimates decide."""
        headroom = self.headroom_bytes
        return headroom is not None and abs(headroom) < CLOSE * self.budget_bytes

    @property
    def is_certain(self) -> bool:
        """Whether it does not fit, whatever the estimates are."""
        return self.verdict is Verdict.DOES_NOT_FIT and not self.is_close

    @property
    def stored_tokens(self) -> int | None:
        """Blocks times the tokens of one, as the engine's ``cache_config_info`` counts; of windows it has fewer."""
        if self.pool is None or self.cache_bytes is None:
            return None
        return self.pool.blocks(self.cache_bytes) * min(each.block_size for each in self.pool.groups)

    @property
    def token_bytes(self) -> int | None:
        """Of one token of the longest request, on one device."""
        if self.pool is None:
            return None
        return self.pool.blocks_per_request(self.max_model_len) * self.pool.bytes_per_block // self.max_model_len

    @property
    def tokens(self) -> int | None:
        """Tokens that the cache holds, as the engine's log counts them."""
        if self.pool is None or self.cache_bytes is None:
            return None
        return self.pool.tokens(self.cache_bytes, self.max_model_len)


def fit(facts: ModelFacts, settings: Settings, accelerator: Accelerator) -> Fit:
    """Never raises for what facts say or leave out."""
    length = settings.max_model_len or facts.max_positions or DEFAULT_POSITIONS
    shares, notes = _shares(facts, settings, accelerator)
    notes = (*_notes(facts, accelerator), *notes)
    budget = _budget(settings, accelerator)
    answer = Fit(Verdict.UNKNOWN, "", accelerator, settings, length, budget, shares, notes=notes)
    if refused := _refused(facts, settings, accelerator, length):
        return replace(answer, verdict=Verdict.DOES_NOT_FIT, reason=refused)
    if not facts.weights:
        return replace(answer, reason="the weights' size is not known")
    taken = sum(each.bytes for each in shares)
    left = budget - taken
    if settings.kv_cache_bytes is None:
        left = int(left * settings.learned) if left > 0 else left
    elif left >= settings.kv_cache_bytes:
        left = settings.kv_cache_bytes
    if left <= 0 or left < (settings.kv_cache_bytes or 0):
        asked = "any cache" if settings.kv_cache_bytes is None else "the cache"
        reason = f"{_gib(taken)} are taken without {asked}, {_gib(budget)} may be used"
        needed = settings.kv_cache_bytes or 0
        return replace(answer, verdict=Verdict.DOES_NOT_FIT, reason=reason, cache_bytes=left, needed_bytes=needed)
    if not facts.layers:
        return replace(answer, reason="what the layers keep for a token is not known", cache_bytes=left)
    return _judged(answer, pool(facts.layers, layout(facts, settings, accelerator)), left, facts)


def _budget(settings: Settings, accelerator: Accelerator) -> int:
    """An explicit cache makes the engine ignore the utilization."""
    share = settings.utilization if settings.kv_cache_bytes is None else 1
    return int(accelerator.memory_bytes * share)


def layout(facts: ModelFacts, settings: Settings, accelerator: Accelerator) -> Layout:
    """How the engine would lay out its cache."""
    model_bytes = DTYPE_BYTES[model_dtype(facts, settings.dtype)]
    stored = facts.quantization.kv_cache if facts.quantization else None
    is_modelopt = facts.quantization is not None and facts.quantization.method.startswith("modelopt")
    # A checkpoint's own cache precision is taken from ModelOpt only. (vLLM, utils/torch_utils.py)
    wanted = "fp8" if settings.kv_cache_dtype == "auto" and stored == "fp8" and is_modelopt else settings.kv_cache_dtype
    is_cpu = accelerator.vendor == "CPU"
    is_latent = any(each.kind is LayerKind.LATENT for each in facts.layers)
    steps = 1 if is_cpu else 2  # the next batch is scheduled while one runs
    return Layout(
        tensor=settings.tensor,
        element_bytes=KV_BYTES.get(wanted) or model_bytes,
        model_bytes=model_bytes,
        block_size=128 if is_cpu and not is_latent else 16,
        in_flight=steps * batched_tokens(settings, accelerator),
        prefix_caching=settings.prefix_caching,
        # On CPUs with AVX-512 for bfloat16. (vLLM, platforms/cpu.py)
        recurrent_bytes=4 if is_cpu else None,
    )


def _judged(answer: Fit, cache: Pool, left: int, facts: ModelFacts) -> Fit:
    settings, length = answer.settings, answer.max_model_len
    needed = cache.needed(length, settings.concurrency)
    most = facts.max_positions or length
    found = replace(
        answer,
        pool=cache,
        cache_bytes=left,
        needed_bytes=needed,
        largest_context=cache.largest_context(left, settings.concurrency, most),
        concurrency=cache.concurrency(left, length),
    )
    asked = f"{settings.concurrency} x {length:,} tokens"
    if needed > left:
        reason = f"the cache for {asked} takes {_gib(needed)}, {_gib(left)} are left"
        return replace(found, verdict=Verdict.DOES_NOT_FIT, reason=reason)
    return replace(
        found, verdict=Verdict.FITS, reason=f"{_gib(left)} are left for the cache, {asked} take {_gib(needed)}"
    )


def _refused(facts: ModelFacts, settings: Settings, accelerator: Accelerator, length: int) -> str:
    """Why the engine would not start whatever the memory; empty when it would."""
    if facts.heads and facts.heads % settings.tensor:
        return f"{facts.heads} attention heads cannot be split over {settings.tensor} devices"
    if facts.max_positions and length > facts.max_positions:
        return f"{length:,} tokens are more than the {facts.max_positions:,} of the model"
    vendor = accelerator.vendor
    least = settings.precision.least(vendor)
    if accelerator.architecture is not None and accelerator.architecture < least:
        need, have = requirement(least, vendor), shown(accelerator.architecture, vendor)
        return f"{settings.precision.name} needs {need}, {accelerator.product} has {have}"
    return ""


def _shares(
    facts: ModelFacts, settings: Settings, accelerator: Accelerator
) -> tuple[tuple[Share, ...], tuple[str, ...]]:
    tensor, notes = settings.tensor, []
    split = "" if tensor == 1 else f", split over {tensor}"
    weights = weight_bytes(facts, settings.precision, tensor, settings.dtype)
    shares = [Share("weights", weights, f"{settings.precision.name}{split}")]
    if settings.lora is not None:
        size = lora_bytes(facts, settings.lora, tensor)
        if size is None:
            notes.append("room for adapters is not counted: their projections' sizes are not known")
        else:
            shares.append(Share("adapters", size, f"{settings.lora.slots} slots of rank {settings.lora.rank}"))
    if accelerator.vendor == "CPU":
        why = "libraries, and the matrices of tokens packed once more"
        return (*shares, Share("worker", cpu_worker_bytes(facts, tensor), why, is_estimate=True)), tuple(notes)
    tokens, requests = batched_tokens(settings, accelerator), sequences(settings, accelerator)
    activations = activation_bytes(facts, tokens, requests, tensor)
    if activations is None:
        notes.append("activations are not counted: hidden size, inner size or vocabulary are not known")
    else:
        shares.append(Share("activations", activations, f"{tokens:,} tokens, {requests:,} requests", is_estimate=True))
    if not settings.enforce_eager:
        shares.append(Share("graphs", graph_bytes(facts), "CUDA graphs", is_estimate=True))
    shares.append(Share("driver", driver_bytes(tensor), "libraries and collectives", is_estimate=True))
    return tuple(shares), tuple(notes)


def _notes(facts: ModelFacts, accelerator: Accelerator) -> tuple[str, ...]:
    images = ("images and sound need more while they are encoded, which is not counted",) if facts.is_multimodal else ()
    return (*facts.unknown, *((accelerator.note,) if accelerator.note else ()), *images)


def _gib(size: int) -> str:
    return f"{size / GIB:,.1f} GiB"
