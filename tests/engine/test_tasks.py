"""What models are asked to do, on real vLLM: embed texts, score pairs, and neither."""

import math
import urllib.error

import pytest

from e2e.engine import tiny_scorer
from llmfleet_runtime.contract import ExitCode, RuntimeStatus
from llmfleet_runtime.surface import MODELS_PATH, SERVED, TASKS
from tests.engine.conftest import READY_SECONDS
from tests.engine.test_serving import load, post

HELLO = {"model": "tiny", "query": "hello", "documents": ["ba", "ki ko"]}


@pytest.fixture(scope="module")
def scorer(tmp_path_factory):
    return tiny_scorer(tmp_path_factory.mktemp("scorer"))


def angle(one, other):
    """The cosine of the angle between two vectors."""
    return sum(a * b for a, b in zip(one, other, strict=True)) / math.hypot(*one) / math.hypot(*other)


def closeness(pod, one, other):
    found = post(pod, "/v1/embeddings", {"model": "tiny", "input": [one, other]})["data"]
    first, second = (each["embedding"] for each in found)
    assert len(first) == len(second) == 128
    return angle(first, second)


def closed(pod):
    """Public routes of other models that this pod has not."""
    found = set()
    for path in SERVED - {MODELS_PATH}:
        try:
            post(pod, path, {"model": "tiny"})
        except urllib.error.HTTPError as error:
            with error:
                found |= {path} if error.code == 404 else set()
    return found


def test_a_generating_model_embeds_when_it_is_asked_to_and_does_nothing_else(start):
    pod = start(task="Embed")
    pod.until_ready(READY_SECONDS)
    assert closeness(pod, "hello there", "hello there") == pytest.approx(1.0, abs=1e-3)
    assert closeness(pod, "hello there", "a") < 0.999
    assert closed(pod) == SERVED - {MODELS_PATH} - TASKS["Embed"]
    assert RuntimeStatus.model_validate_json(pod.get("/status")[1]).warnings is None


def test_a_model_with_one_score_judges_pairs_and_ranks_documents(start, scorer):
    pod = start(task="Score", model=str(scorer))
    pod.until_ready(READY_SECONDS)
    scored = post(pod, "/score", {"model": "tiny", "text_1": "hello", "text_2": ["ba", "ki ko"]})["data"]
    first, second = (each["score"] for each in scored)
    assert first != second
    for path in TASKS["Score"] - {"/score", "/v1/score"}:
        assert post(pod, path, HELLO)["results"][0]["index"] == (0 if first > second else 1)
    assert closed(pod) == SERVED - {MODELS_PATH} - TASKS["Score"]


def test_its_work_is_load_like_any_other(start, scorer):
    """Queue and idleness size such a fleet; without a task, the model does what it was made for."""
    pod = start(model=str(scorer))
    pod.until_ready(READY_SECONDS)
    pod.until(lambda: load(pod).idle_seconds > 2, 5)
    before = load(pod)
    post(pod, "/rerank", HELLO | {"documents": ["ba " * 200] * 20})
    pod.until(lambda: load(pod).prompt_tokens >= before.prompt_tokens + 20 * 200, 5)
    after = load(pod)
    assert (after.in_flight, after.running, after.waiting) == (0, 0, 0)
    assert after.idle_seconds < before.idle_seconds


def test_a_model_that_cannot_do_it_never_becomes_ready_and_says_so(start, tmp_path):
    pod = start(task="Score", model=str(tiny_scorer(tmp_path / "sorter", scores=2)))
    assert pod.wait(READY_SECONDS) == ExitCode.BAD_CONFIG
    assert "the model does not do what model.task Score asks for: 404" in pod.farewell().message


@pytest.mark.parametrize("task", ["Generate", "Embed"])
def test_a_model_that_only_scores_is_not_even_started_for_anything_else(start, scorer, task):
    """The engine itself would start, and answer."""
    pod = start(task=task, model=str(scorer))
    assert pod.wait(10) == ExitCode.BAD_CONFIG
    assert f"model.task is {task}, and a LlamaForSequenceClassification" in pod.farewell().message
