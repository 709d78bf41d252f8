"""What is certain of a new revision refuses it, with numbers and what would fit; where estimates decide, it is said."""

from typing import Any

import pytest

from llmfleet.api.conditions import Reason
from llmfleet.api.foretold import FitStatus
from llmfleet.core.prospect import Prospect, prospect
from llmfleet.core.remedy import remedy
from llmfleet_runtime.contract import ModelFacts, QuantizationFacts
from tests.builders import Modifier, deployment, parsed, with_spec
from tests.unit.operator.fit.models import public

LLAMA = public("meta-llama/Llama-3.1-8B")
PRODUCTS = {name: {"nvidia.com/gpu.product": name} for name in ("Tesla-T4", "NVIDIA-L4", "NVIDIA-H100-80GB-HBM3")}
T4, L4, H100 = PRODUCTS.values()


Nodes = list[dict[str, str]]


def expected(facts: ModelFacts, nodes: Nodes, *edits: Modifier, learned: float | None = None) -> Prospect:
    return prospect(facts, parsed(deployment(*edits)).spec, nodes, learned)


def foretold(facts: ModelFacts, nodes: Nodes, *edits: Modifier, learned: float | None = None) -> FitStatus:
    found = expected(facts, nodes, *edits, learned=learned).fit
    assert found
    return found


def on(**spec: Any) -> Modifier:
    return with_spec(**spec)


def test_a_model_that_cannot_fit_is_refused_with_numbers_and_what_would_fit() -> None:
    (blocked,) = expected(public("meta-llama/Llama-3.1-70B"), [T4, H100]).blocked
    assert blocked.reason is Reason.DOES_NOT_FIT
    assert blocked.message.startswith("on NVIDIA-H100-80GB-HBM3: 134.")
    assert "Would fit: tensor parallel 4 (" in blocked.message


def test_another_product_of_the_cluster_is_an_alternative() -> None:
    named = on(accelerator={"products": ["Tesla-T4"]})
    (blocked,) = expected(LLAMA, [T4, H100], named).blocked
    assert "NVIDIA-H100-80GB-HBM3 (" in blocked.message


@pytest.mark.parametrize(
    ("facts", "nodes", "edits", "length"),
    [
        (LLAMA, [H100], (), 131_072),
        (LLAMA, [L4], (), 17_920),
        (LLAMA, [H100, L4], (), 17_920),
        (LLAMA, [], (), None),
        (LLAMA, [], (on(accelerator={"products": ["NVIDIA-H100-80GB-HBM3"]}),), 131_072),
        (LLAMA, [H100], (on(engine={"maxModelLen": 4096}),), None),
        (LLAMA, [H100], (on(accelerator={"resourceName": "nvidia.com/mig-1g.10gb"}),), None),
        (LLAMA, [H100], (on(engine={"args": [{"name": "cpu-offload-gb", "value": "8"}]}),), None),
        (LLAMA, [H100], (on(pod={"nodeSelector": {"pool": "a"}}),), None),
        (LLAMA, [H100 | {"pool": "a"}, L4], (on(pod={"nodeSelector": {"pool": "a"}}),), 131_072),
        (ModelFacts(architecture="New"), [H100], (), None),
    ],
    ids=[
        "a large GPU", "a small one", "the smaller of two", "no node", "a product by name", "said by the spec",
        "a part of a GPU", "an argument that changes memory", "no node of the pool", "a node of the pool",
        "an unknown architecture",
    ],
)  # fmt: skip
def test_a_context_left_open_is_the_longest_that_surely_fits(
    facts: ModelFacts, nodes: list[dict[str, str]], edits: tuple[Modifier, ...], length: int | None
) -> None:
    found = expected(facts, nodes, *edits)
    assert (found.blocked, found.max_model_len) == ((), length)


JUDGE = ModelFacts(architecture="LlamaForSequenceClassification")


@pytest.mark.parametrize(
    ("facts", "task"), [(JUDGE, "Score"), (JUDGE, None), (LLAMA, "Embed"), (LLAMA, "Score"), (ModelFacts(), "Embed")]
)
def test_a_task_that_the_model_may_do_is_left_to_the_engine(facts: ModelFacts, task: str | None) -> None:
    model = {"uri": "hf://a/b"} | ({"task": task} if task else {})
    assert expected(facts, [], on(model=model)).blocked == ()


@pytest.mark.parametrize("task", ["Generate", "Embed"])
def test_a_model_that_only_scores_is_asked_for_nothing_else(task: str) -> None:
    (blocked,) = expected(JUDGE, [], on(model={"uri": "hf://a/b", "task": task})).blocked
    assert blocked.reason is Reason.UNSUPPORTED_MODEL
    assert blocked.message == f"model.task is {task}, and a LlamaForSequenceClassification does nothing but Score"
    assert remedy(blocked.reason, blocked.message) == "Set model.task to what the model was made for, or remove it."


def test_what_the_engine_taught_makes_the_margin_small() -> None:
    before, after = expected(LLAMA, [L4]).max_model_len, expected(LLAMA, [L4], learned=1.05).max_model_len
    assert (after or 0) > 1.5 * (before or 0) > 0
    assert foretold(LLAMA, [L4], learned=1.05).learned_percent == 105


def test_where_estimates_decide_nothing_is_refused_and_it_is_said() -> None:
    found = expected(LLAMA, [L4], on(engine={"maxModelLen": 40_960}))
    assert found.blocked == ()
    assert found.fit
    assert found.fit.message.startswith("may not fit: the cache for 1 x 40,960 tokens takes 5.0 GiB, 4.2 GiB are left")


def test_a_product_among_others_that_is_too_small_is_said() -> None:
    assert foretold(LLAMA, [T4, H100]).message == "does not fit Tesla-T4; name the other products in accelerator"


def test_the_numbers_of_a_fit() -> None:
    found = foretold(LLAMA, [H100], on(engine={"maxModelLen": 8192}))
    assert found.product == "NVIDIA-H100-80GB-HBM3"
    assert (found.weights_bytes, found.kv_bytes_per_token) == (16_060_522_496, 131_072)
    assert found.max_concurrency_at_max_len == (found.kv_tokens_predicted or 0) // 8192 > 10


@pytest.mark.proves("S14")
def test_heads_that_cannot_be_split_are_refused_before_a_pod_with_what_would_do() -> None:
    (blocked,) = expected(public("Qwen/Qwen2.5-0.5B"), [H100], on(engine={"parallelism": {"tensor": 4}})).blocked
    assert blocked.reason is Reason.TENSOR_PARALLEL_MISMATCH
    assert "can be split over 1, 2, 7, 14 GPUs" in remedy(blocked.reason, blocked.message)


AWQ = QuantizationFacts(method="awq", scheme="4 bits", weight_bits=4, weight_type="int", group_size=128)


@pytest.mark.proves("S21")
@pytest.mark.parametrize(
    ("quantization", "checkpoint", "words"),
    [
        ({"method": "AWQ"}, AWQ, None),
        ({"method": "Auto"}, AWQ, None),
        ({"method": "FP8"}, None, None),
        ({"method": "GPTQ"}, AWQ, "quantization.method AWQ fits this checkpoint"),
        ({"method": "None"}, AWQ, "quantization.method AWQ fits this checkpoint"),
        ({"method": "AWQ"}, None, "the weights are not quantized, and the engine does not make AWQ of them"),
        ({"method": "FP8", "source": "Checkpoint"}, None, "made while loading here: FP8, MXFP4, MXFP8, BitsAndBytes"),
        ({"method": "AWQ"}, None, "BitsAndBytes; or have it made, with quantization.source Produced"),
        ({"method": "AWQ", "source": "Produced"}, None, None),
        ({"method": "FP8", "source": "Produced"}, AWQ, "the weights are awq, 4 bits already; set quantization.source"),
    ],
)
def test_weights_are_checked_before_a_pod(
    quantization: dict[str, str], checkpoint: QuantizationFacts | None, words: str | None
) -> None:
    facts = LLAMA.model_copy(update={"quantization": checkpoint})
    blocked = expected(facts, [H100], on(quantization=quantization)).blocked
    assert [each.reason for each in blocked] == ([Reason.QUANTIZATION_MISMATCH] if words else [])
    assert words is None or words in blocked[0].message


def test_adapters_take_their_room() -> None:
    plain, roomy = foretold(LLAMA, [L4]), foretold(LLAMA, [L4], on(lora={"maxRank": 64, "maxPerBatch": 4}))
    assert (plain.kv_tokens_predicted or 0) > (roomy.kv_tokens_predicted or 0) + 1000


def test_a_cpus_cache_is_what_the_launcher_makes_of_its_memory() -> None:
    on_cpu = on(accelerator={"type": "CPU"}, resources={"limits": {"memory": "32Gi"}})
    found = expected(LLAMA, [], on_cpu)
    assert found.fit
    assert found.fit.kv_tokens_predicted == 4 * 2**30 // 131_072
    assert found.max_model_len == 32_512
