"""Adapters over models that embed and score, on real vLLM: vectors and scores show whose weights gave them."""

import urllib.error

import pytest

from e2e.engine import tiny_scorer
from tests.engine.conftest import READY_SECONDS
from tests.engine.test_adapters import Adapted
from tests.engine.test_serving import post
from tests.engine.test_tasks import angle

LORA = {"maxAdapters": 2, "maxPerBatch": 2, "maxRank": 8}
HEADLESS = "base_model.model."
TEXTS = ["hello there", "a"]


@pytest.fixture
def adapted(start, model):
    """A pod of this task, which serves an adapter for each of two syllables."""

    def begin(**members):
        here = Adapted(start(lora=LORA, **members), model)
        here.pod.until_ready(READY_SECONDS)
        here.serve(here.make("sql"), here.make("chat", says="zo", outer=HEADLESS))
        here.until_loaded("sql", "chat")
        return here

    return begin


def answering(pod, path, **body):
    """The version of the adapter that answers, or the status that refuses."""
    try:
        return post(pod, path, {"model": "sql", **body})["model"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_an_adapter_turns_what_a_model_embeds_and_goes_without_a_restart(adapted):
    """Whatever the text, its vectors point where the adapter does; one was trained without the model's head."""
    here = adapted(task="Embed")
    engine, found = here.pod.engine_pid(), {}
    for name in ("tiny", "sql", "chat"):
        data = post(here.pod, "/v1/embeddings", {"model": name, "input": TEXTS})["data"]
        found[name] = [each["embedding"] for each in data]
    assert angle(*found["sql"]) > 0.999
    assert angle(*found["chat"]) > 0.999
    assert angle(*found["tiny"]) < 0.999
    assert max(angle(found["sql"][0], found[other][0]) for other in ("tiny", "chat")) < 0.5
    assert answering(here.pod, "/v1/embeddings", input="a").startswith("sql@")
    here.serve()
    here.pod.until(lambda: answering(here.pod, "/v1/embeddings", input="a") == 404)
    assert here.pod.engine_pid() == engine


def test_an_adapter_turns_how_a_model_scores(adapted, tmp_path):
    here, found = adapted(task="Score", model=str(tiny_scorer(tmp_path / "scorer"))), {}
    for name in ("tiny", "sql", "chat"):
        data = post(here.pod, "/score", {"model": name, "text_1": "hello", "text_2": ["ba", "ki ko"]})["data"]
        found[name] = [each["score"] for each in data]
    assert found["sql"] == pytest.approx([0.80, 0.80], abs=0.02)
    assert found["chat"] == pytest.approx([0.26, 0.26], abs=0.02)
    assert max(found["tiny"]) < 0.01
    # More than one step of the engine takes, so that some are read in parts beside others.
    long = {"model": "sql", "query": "hello", "documents": ["ba " * 3000] * 4}
    ranked = [each["relevance_score"] for each in post(here.pod, "/rerank", long)["results"]]
    assert ranked == pytest.approx([0.80] * 4, abs=0.02)
    assert answering(here.pod, "/rerank", query="hello", documents=["ba", "ki ko"]).startswith("sql@")
