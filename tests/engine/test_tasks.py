"""What models are asked to do, on real vLLM: embed texts, score pairs, and neither."""

import math
import urllib.error

import pytest

from e2e.engine import tiny_scorer
from llmfleet_runtime.contract import ExitCode
from tests.engine.conftest import READY_SECONDS
from tests.engine.test_serving import post


@pytest.fixture(scope="module")
def scorer(tmp_path_factory):
    return tiny_scorer(tmp_path_factory.mktemp("scorer"))


def closeness(pod, one, other):
    found = post(pod, "/v1/embeddings", {"model": "tiny", "input": [one, other]})["data"]
    first, second = (each["embedding"] for each in found)
    assert len(first) == len(second) == 128
    return sum(a * b for a, b in zip(first, second, strict=True)) / math.hypot(*first) / math.hypot(*second)


def test_a_generating_model_embeds_when_it_is_asked_to_and_no_longer_generates(start):
    pod = start(task="Embed")
    pod.until_ready(READY_SECONDS)
    assert closeness(pod, "hello there", "hello there") == pytest.approx(1.0, abs=1e-3)
    assert closeness(pod, "hello there", "a") < 0.999
    with pytest.raises(urllib.error.HTTPError, match="404"):
        post(pod, "/v1/completions", {"model": "tiny", "prompt": "hello", "max_tokens": 1})


def test_a_model_with_one_score_judges_pairs_and_ranks_documents(start, scorer):
    pod = start(task="Score", model=str(scorer))
    pod.until_ready(READY_SECONDS)
    scored = post(pod, "/v1/score", {"model": "tiny", "text_1": "hello", "text_2": ["ba", "ki ko"]})["data"]
    first, second = (each["score"] for each in scored)
    assert first != second
    ranked = post(pod, "/v1/rerank", {"model": "tiny", "query": "hello", "documents": ["ba", "ki ko"]})["results"]
    assert ranked[0]["index"] == (0 if first > second else 1)


def test_a_model_that_cannot_do_it_never_becomes_ready_and_says_so(start, scorer):
    pod = start(task="Embed", model=str(scorer))
    assert pod.wait(READY_SECONDS) == ExitCode.BAD_CONFIG
    assert "the model does not do what model.task Embed asks for: 404" in pod.farewell().message
