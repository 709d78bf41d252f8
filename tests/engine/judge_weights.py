"""Runs in the engine's environment: what vLLM makes of checkpoints, each in a process of its own.

Reads [{"name", "model", "plugins", options of vllm.LLM …}] from standard input and writes {name: {"error": text} or
{"logprobs": [how likely each token of a fixed text is], "said": [tokens]}}. vLLM is imported once and then forked.
"""

import gc
import importlib
import json
import os
import sys
import traceback

OPTIONS = {
    "enforce_eager": True,
    "max_model_len": 256,
    "max_num_seqs": 2,
    "kv_cache_memory_bytes": 16 * 2**20,
    "distributed_executor_backend": "uni",
    "disable_log_stats": True,
}
PRELOADED = (
    "vllm.entrypoints.llm",
    "vllm.model_executor.models.llama",
    "vllm.v1.attention.backends.cpu_attn",
    "vllm.v1.engine.core",
    "vllm.v1.executor.uniproc_executor",
    "vllm.v1.worker.cpu_model_runner",
    "vllm.v1.worker.cpu_worker",
)
TEXT = list(range(300, 364))
os.environ |= {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_PLUGINS": "",
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
}


def judged(llm, options):
    """Start an engine and ask how likely it finds the text, and what it says next."""
    from vllm import SamplingParams  # noqa: PLC0415 because only the engine's environment has it

    del options["name"]
    os.environ["VLLM_PLUGINS"] = options.pop("plugins", "")
    engine = llm(**OPTIONS, **options)
    asked = SamplingParams(max_tokens=8, temperature=0, prompt_logprobs=0)
    (found,) = engine.generate({"prompt_token_ids": TEXT}, asked, use_tqdm=False)
    pairs = zip(TEXT[1:], found.prompt_logprobs[1:], strict=True)
    return {"logprobs": [each[token].logprob for token, each in pairs], "said": list(found.outputs[0].token_ids)}


def apart(llm, options):
    """The same in a forked process."""
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        os.close(reader)
        try:
            answer = judged(llm, options)
        except BaseException:  # noqa: BLE001 because whatever it is, it is the answer
            answer = {"error": traceback.format_exc()[-6000:]}
        with os.fdopen(writer, "w") as pipe:
            json.dump(answer, pipe)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        answer = json.load(pipe)
    os.waitpid(child, 0)
    return answer


def preload():
    """Import what every engine needs, before there is a thread; no operator may run here."""
    for name in PRELOADED:
        importlib.import_module(name)
    importlib.import_module("vllm.model_executor.layers.quantization").get_quantization_config("awq")
    gc.freeze()


if __name__ == "__main__":
    from vllm import LLM

    preload()
    asked = json.load(sys.stdin)
    sys.stdout.write("\nANSWER " + json.dumps({each["name"]: apart(LLM, each) for each in asked}) + "\n")
