"""Runs in the engine's environment: what vLLM itself reads of models' configurations.

Reads {name: folder} from standard input and writes {name: sizes, or the error}.
"""

import json
import sys


def sizes(folder):
    from vllm.config.model import _get_and_verify_max_len  # noqa: PLC0415 because it takes ten seconds
    from vllm.transformers_utils.config import get_config, get_hf_text_config  # noqa: PLC0415 because of the same
    from vllm.transformers_utils.model_arch_config_convertor import (  # noqa: PLC0415 because of the same
        MODEL_ARCH_CONFIG_CONVERTORS,
        ModelArchConfigConvertorBase,
    )

    config = get_config(folder, trust_remote_code=False)
    text = get_hf_text_config(config)
    found = MODEL_ARCH_CONFIG_CONVERTORS.get(config.model_type, ModelArchConfigConvertorBase)(config, text).convert()
    types = getattr(text, "layer_types", None) or []
    return {
        "layers": found.total_num_hidden_layers,
        "heads": found.total_num_attention_heads,
        "kv_heads": found.total_num_kv_heads,
        "head_dim": found.head_size,
        "hidden_size": found.hidden_size,
        "vocab_size": found.vocab_size,
        "experts": found.num_experts or None,
        "experts_per_token": found.num_experts_per_token or None,
        "is_latent": found.is_deepseek_mla,
        "max_positions": _get_and_verify_max_len(
            config, found, None, None, disable_sliding_window=False, sliding_window=None
        ),
        "window": getattr(text, "sliding_window", None),
        "windowed": types.count("sliding_attention"),
        "full": types.count("full_attention"),
    }


def answer(folder):
    try:
        return sizes(folder)
    except Exception as error:  # noqa: BLE001 because whatever it is, the test shows it
        return {"error": repr(error)[:500]}


if __name__ == "__main__":
    found = {name: answer(folder) for name, folder in json.load(sys.stdin).items()}
    sys.stdout.write("\nANSWER " + json.dumps(found) + "\n")
