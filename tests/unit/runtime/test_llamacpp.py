"""engines/llamacpp.py: what llama.cpp's server is started with, and which file it is pointed at."""

import pytest

from llmfleet_runtime.argv import NOTHING, BadConfig, Platform, Prepared, argv
from llmfleet_runtime.checkpoint import checkpoint, located
from llmfleet_runtime.config import EngineConfig, NamedValue, Quantization
from llmfleet_runtime.engines.llamacpp import LLAMACPP
from llmfleet_runtime.load import kv_cache_tokens, report
from llmfleet_runtime.lora import LoraLimits
from llmfleet_runtime.precision import Precision
from tests.unit.runtime.inspection.written import gguf

CPU = Platform("0.1.0+cpu", is_cpu_build=True, cpus=4, port=8123)


def config(**changes):
    return EngineConfig(**{"engine": "LlamaCpp", "model": "/models/a.gguf", "served_names": ("tiny",), **changes})


def after(flag, config, prepared=NOTHING):
    """What follows an option in the command line; None without it."""
    found = argv(config, CPU, None, prepared)
    return found[found.index(flag) + 1] if flag in found else None


def test_it_listens_on_a_socket_behind_the_front_and_is_told_exactly_this():
    socket = "/tmp/llmfleet-engine-8123.sock"
    assert argv(config(), CPU, None) == (
        *("-P", "-m", "llmfleet_runtime.front", "0.0.0.0", "8123", socket, "llama-server"),
        *("--model", "/models/a.gguf", "--alias", "tiny", "--host", socket),
        *("--metrics", "--no-slots", "--no-webui", "--offline", "--threads-http", "512"),
        *("--threads", "3", "--log-verbosity", "2"),
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (None, None)),
        ({"max_concurrency": 8}, ("8", None)),
        ({"max_model_len": 2048}, ("4", "8192")),
        ({"max_model_len": 2048, "max_concurrency": 2}, ("2", "4096")),
    ],
)
def test_each_request_has_the_whole_context_length_to_itself(changes, expected):
    assert (after("--parallel", config(**changes)), after("--ctx-size", config(**changes))) == expected


@pytest.mark.parametrize(("wanted", "flag"), [(True, "--cache-prompt"), (False, "--no-cache-prompt")])
def test_prefix_caching_is_its_prompt_cache(wanted, flag):
    assert flag in argv(config(prefix_caching=wanted), CPU, None)
    assert flag not in argv(config(), CPU, None)


def test_a_chat_template_is_a_file():
    assert after("--chat-template-file", config(), Prepared(chat_template="/tmp/x.jinja")) == "/tmp/x.jinja"


def test_free_arguments_win_over_our_own_choices():
    free = config(args=(NamedValue(name="threads", value="9"), NamedValue(name="repack", value="false")))
    found = argv(free, CPU, None)
    assert found[-3:] == ("--threads", "9", "--no-repack")
    assert found.count("--threads") == 1


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("task", "Embed"),
        ("lora", LoraLimits(max_adapters=1, max_per_batch=1, max_rank=8)),
        ("quantization", Quantization(method="AWQ")),
        ("tensor_parallel", 2),
        ("kv_cache_dtype", "FP8"),
    ],
)
def test_what_it_cannot_do_is_not_left_out_in_silence(member, value):
    with pytest.raises(BadConfig, match=rf"{member}: llama\.cpp cannot carry this out"):
        argv(config(**{member: value}), CPU, None)


def test_several_names_are_one_list_and_none_may_break_it():
    assert after("--alias", config(served_names=("a", "b/c"))) == "a,b/c"
    with pytest.raises(BadConfig, match="must not be empty or hold a comma"):
        argv(config(served_names=("a,b",)), CPU, None)


@pytest.mark.parametrize("name", ["-x", "$(id)", "a b", "--host"])
def test_a_hostile_value_stays_one_element_behind_its_option(name):
    assert after("--seed", config(args=(NamedValue(name="seed", value=name),))) == name


PAGE = """\
# TYPE llamacpp:requests_processing gauge
llamacpp:requests_processing 2
llamacpp:requests_deferred 5
llamacpp:n_decode_total 700
llamacpp:prompt_tokens_total 40
llamacpp:tokens_predicted_total 1200
llamacpp:n_busy_slots_per_decode nan
"""


def test_its_page_becomes_a_load_report_without_what_it_does_not_tell():
    found = report(PAGE, 1.0, 7)
    assert (found.running, found.waiting, found.steps, found.in_flight) == (2, 5, 700, 7)
    assert (found.prompt_tokens, found.generation_tokens) == (40, 1200)
    assert (found.time_to_first_token, found.kv_cache_usage, kv_cache_tokens(PAGE)) == (None, None, None)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["a.gguf"], "a.gguf"),
        (["q4/a.gguf", "README.md"], "q4/a.gguf"),
        (["a-00001-of-00003.gguf", "a-00002-of-00003.gguf", "a-00003-of-00003.gguf"], "a-00001-of-00003.gguf"),
        (["mmproj-a.gguf", "a.gguf"], "a.gguf"),
    ],
)
def test_the_one_model_of_a_folder_is_found(tmp_path, files, expected):
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert located(config(model=str(tmp_path))).model == str(tmp_path / expected)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (["a-Q4_K_M.gguf", "a-Q8_0.gguf"], "holds a-Q4_K_M.gguf, a-Q8_0.gguf: name one"),
        (["model.safetensors", "config.json"], "holds no GGUF file, and this engine serves no other"),
        ([], "holds no GGUF file"),
    ],
)
def test_a_folder_without_one_model_says_what_to_do(tmp_path, files, words):
    for name in files:
        (tmp_path / name).touch()
    with pytest.raises(BadConfig, match=words):
        located(config(model=str(tmp_path)))


def test_the_weights_are_told_by_the_type_of_most_tensors(tmp_path):
    tensors = {"a.weight": (12, (256, 256)), "b.weight": (12, (256, 256)), "c.weight": (0, (256, 256))}
    (tmp_path / "a.gguf").write_bytes(gguf({"general.architecture": "llama"}, tensors))
    (tmp_path / "cut.gguf").write_bytes(b"GGUF")
    found = [checkpoint(config(model=str(tmp_path / name)), None) for name in ("a.gguf", "cut.gguf", "none.gguf")]
    assert [*map(str, found)] == ["gguf, Q4_K", "gguf", "gguf"]


def test_other_engines_are_pointed_at_the_folder(tmp_path):
    assert located(config(engine=None, model=str(tmp_path))).model == str(tmp_path)


def test_weights_that_are_no_gguf_are_refused():
    assert LLAMACPP.weigh(config(), Precision("gguf"), CPU) is None
    with pytest.raises(BadConfig, match=r"the weights are awq; llama\.cpp serves GGUF files only"):
        LLAMACPP.weigh(config(), Precision("awq"), CPU)
