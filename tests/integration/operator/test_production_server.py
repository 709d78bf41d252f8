"""A real Job makes a revision's checkpoint before its pods; what the Job's pod says is played."""

import json
from collections.abc import Iterator

import pytest

from e2e.cluster import Cluster
from llmfleet_runtime.contract import Findings, Made, Order, Production, Quality, QuantizationFacts
from tests.builders import SHARED, Raw
from tests.inspectors import answer, lay_ready, play
from tests.integration.operator.conftest import Start
from tests.integration.operator.fleet import Fleet
from tests.integration.operator.operator_process import eventually
from tests.unit.operator.fit.models import public

pytestmark = pytest.mark.cluster
COMMIT = "0123456789abcdef0123456789abcdef01234567"
PRODUCED = {
    "model": {"uri": "hf://org/small", "cache": SHARED},
    "accelerator": {"products": ["NVIDIA-H100-80GB-HBM3"]},
    "quantization": {"method": "AWQ", "source": "Produced"},
}
FACTS = public("meta-llama/Llama-3.1-8B")
SOURCE = Findings(facts=FACTS, commit=COMMIT)


@pytest.fixture(autouse=True)
def _played(cluster: Cluster) -> None:
    play(cluster)


@pytest.fixture(autouse=True)
def _shared(fleet: Fleet) -> Iterator[None]:
    """The claim that the pods share."""
    with fleet.claimed("models"):
        yield


def result() -> Production:
    quality = Quality(by="transformers 5", tokens=100, perplexity=9.5)
    scheme = QuantizationFacts(method="compressed-tensors", scheme="INT4 group weight-only", weight_bits=4)
    facts = FACTS.model_copy(update={"quantization": scheme})
    made = Made(method="AWQ", folder="/x", bytes=5, precision="x", requirement="CompressedTensors", quality=quality)
    return Production(made=made, source=quality, facts=facts)


def makers(fleet: Fleet) -> list[Raw]:
    """Jobs that make a checkpoint."""
    return [each for each in fleet.list("jobs") if each["metadata"]["name"].endswith("-quant")]


def test_a_checkpoint_is_made_before_the_pods_that_serve_it_and_what_runs_stays(start: Start, fleet: Fleet) -> None:
    start(INSPECTION_TIMEOUT_SECONDS="60", QUANTIZE_IMAGE="registry.example.org/quantize:1")
    lay_ready(fleet, SOURCE)
    fleet.create(**PRODUCED | {"quantization": None}, replicas=1)
    fleet.await_condition("Ready")
    (before,) = fleet.list("deployments")
    fleet.edit(quantization=PRODUCED["quantization"])
    told = eventually(lambda: fleet.condition("Reconciling"), lambda found: found.get("reason") == "Quantizing")
    assert "the checkpoint is being made" in told["message"]
    (job,) = eventually(lambda: makers(fleet), bool)
    wanted = Order.model_validate_json(job["spec"]["template"]["spec"]["containers"][0]["command"][-1])
    assert (wanted.model, wanted.revision, wanted.methods) == ("org/small", COMMIT, ("AWQ",))
    assert [each["metadata"]["uid"] for each in fleet.list("deployments")] == [before["metadata"]["uid"]]
    assert fleet.ready_pods() == 1
    answer(fleet, SOURCE, result())
    fleet.await_condition("Ready")
    assert eventually(lambda: fleet.list("jobs"), lambda jobs: not jobs) == []
    texts = [raw["data"]["engine.json"] for raw in fleet.list("configmaps") if "engine.json" in raw["data"]]
    served = next(each for each in map(json.loads, texts) if each["model"].startswith("/var/cache"))
    assert served["model"] == f"{wanted.out}/awq"
    assert served["quantization"] == {"method": "CompressedTensors", "source": "Checkpoint"}


def test_a_namespace_that_takes_no_jobs_says_so_in_the_servers_words(start: Start, fleet: Fleet) -> None:
    fleet.kubectl("create", "quota", "none", "--hard=count/jobs.batch=0")
    start(INSPECTION_TIMEOUT_SECONDS="60", QUANTIZE_IMAGE="registry.example.org/quantize:1")
    fleet.create(**PRODUCED, replicas=1)
    told = fleet.await_condition("Stalled")
    assert "exceeded quota: none" in told["message"]
    assert fleet.list("deployments") == []


def test_an_operator_without_an_image_for_it_refuses_and_names_its_setting(start: Start, fleet: Fleet) -> None:
    start(INSPECTION_TIMEOUT_SECONDS="60")
    fleet.create(**PRODUCED, replicas=1)
    told = fleet.await_condition("Stalled")
    assert (told["reason"], "setting quantizeImage" in told["message"]) == ("QuantizeImageMissing", True)
