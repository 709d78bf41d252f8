"""The runtime bench: which versions an answer may be of, and what the bare engine's pod is."""

from pathlib import Path

import pytest
from huggingface_hub import HfApi, snapshot_download

from e2e.bench.runtime import adapters, download, sites, startup
from e2e.bench.runtime.adapters import TOKENS, Answer, Swap, restarts, wrong
from e2e.bench.runtime.hub import REPOSITORY

SWAPS = (Swap("ba", 0.0, 12.0), Swap("zo", 10.0, float("inf")))
"""The edit was made at 10 s and served everywhere at 12 s."""

OLD, NEW = "ba" * TOKENS, "zo" * TOKENS


@pytest.mark.parametrize(
    ("answer", "is_right"),
    [
        pytest.param(Answer(5, 6, OLD), True, id="before the edit, old"),
        pytest.param(Answer(5, 6, NEW), False, id="before the edit, new"),
        pytest.param(Answer(9.5, 10.5, NEW), True, id="across the edit, new"),
        pytest.param(Answer(11, 11.5, OLD), True, id="while it is rolled out, old"),
        pytest.param(Answer(13, 14, OLD), False, id="once it is served, old"),
        pytest.param(Answer(13, 14, NEW), True, id="once it is served, new"),
        pytest.param(Answer(11, 11.5, "ba" * 20 + "zo" * 28), False, id="mixed"),
        pytest.param(Answer(11, 11.5, "ba" * 20), False, id="short"),
    ],
)
def test_an_answer_is_of_a_version_that_was_served_then(answer: Answer, *, is_right: bool) -> None:
    assert (wrong([answer], SWAPS) == []) is is_right


def test_a_failed_request_is_counted_as_such_only() -> None:
    rows = adapters.judge([Answer(1, 2, "", "HTTP 500"), Answer(1, 2, OLD), Answer(13, 14, NEW)], SWAPS, 0)
    found = {each.what: (each.measured, each.met) for each in rows}
    assert found["failed requests"] == (1, False)
    assert found["answers of wrong or mixed weights"] == (0, True)
    assert found["versions that answered"] == (2, True)


@pytest.mark.parametrize(
    ("before", "after", "count"),
    [({"a": 1}, {"a": 1}, 0), ({"a": 0}, {"a": 2}, 2), ({"a": 0}, {"b": 0}, 1), ({"a": 0}, {}, 0)],
)
def test_a_replaced_pod_is_a_restart_too(before: dict[str, int], after: dict[str, int], count: int) -> None:
    assert restarts(before, after) == count


LOG = (
    "launcher INFO vLLM 0.32.0+cpu, 1 cores: -P -m llmfleet_runtime.forked vllm.entrypoints.openai.api_server "
    "--model=/models/tiny --served-model-name tiny --middleware=llmfleet_runtime.guard.Guard --port=8000 "
    "'--allowed-media-domains=none: not set'\nmore\n"
)


def test_the_bare_engine_gets_the_launchers_arguments_without_its_guard() -> None:
    told = [
        "--model=/models/tiny",
        "--served-model-name",
        "tiny",
        "--port=8000",
        "--allowed-media-domains=none: not set",
    ]
    assert startup.arguments(LOG) == told


def test_the_bare_pod_differs_in_command_and_probes_alone() -> None:
    probe = {"httpGet": {"path": "/readyz", "port": "status"}}
    container = {"name": "engine", "image": "i", "env": [1]}
    container |= {"startupProbe": {**probe}, "readinessProbe": {**probe}, "livenessProbe": {}}
    bare = startup.with_bare_engine({"spec": {"containers": [container], "volumes": []}}, ["--port=8000"])
    (found,) = bare["spec"]["containers"]
    assert found.pop("command") == ["python3", "-m", "vllm.entrypoints.openai.api_server", "--port=8000"]
    assert found.pop("startupProbe") == found.pop("readinessProbe") == {"httpGet": {"path": "/health", "port": "http"}}
    assert found == {"name": "engine", "image": "i", "env": [1]}
    assert container["startupProbe"] == probe


def test_startup_compares_medians() -> None:
    assert startup.judge([10.4, 9.0, 90.0], [10.0, 10.0, 11.0])[-1].met is True
    assert startup.judge([10.6, 10.6], [10.0, 10.0])[-1].met is False


def test_the_hubs_own_client_takes_its_look_alike_for_one(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    files = {"config.json": b"{}", "model.safetensors": bytes(range(256)) * 4096}
    for name, content in files.items():
        (model / name).write_bytes(content)
    with sites.hub(model) as address:
        told = HfApi(address).model_info(REPOSITORY, files_metadata=True).siblings or ()
        found = Path(snapshot_download(REPOSITORY, endpoint=address, cache_dir=tmp_path / "cache"))
    assert {each.rfilename: each.size for each in told} == {name: len(content) for name, content in files.items()}
    assert {path.name: path.read_bytes() for path in found.iterdir()} == files


def test_a_download_is_judged_by_medians_and_by_its_largest_memory() -> None:
    case = download.Case("hf", "hf://a/b", "", 100)
    pairs = [(download.Taken(seconds, 90 + seconds), download.Taken(9.0, 500.0)) for seconds in (10.0, 10.1, 200.0)]
    found = {each.what: (round(each.measured, 2), each.met) for each in download.judge(case, pairs)}
    assert found["hf: throughput / plain"] == (0.89, False)
    assert found["hf: largest memory"] == (290.0, False)
