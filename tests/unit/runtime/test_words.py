"""words.py: the engine's last words hold the cause."""

import pytest

from llmfleet_runtime.words import last_words

NOISE = "\n".join(f"(APIServer pid=7) INFO 11-21 13:23:19 [launcher.py:195] Route: /v1/{n}" for n in range(200))
TRACE = """\
(EngineCore pid=9) ERROR 11-21 13:23:29 [core.py:1499] Traceback (most recent call last):
(EngineCore pid=9) ERROR 11-21 13:23:29 [core.py:1499]   File "loader.py", line 5, in load
(EngineCore pid=9) ERROR 11-21 13:23:29 [core.py:1499] torch.OutOfMemoryError: CUDA out of memory
"""
CONSEQUENCE = "RuntimeError: Engine core initialization failed. See root cause above."


def test_short_output_is_kept_whole():
    assert last_words("hello\n", 100) == "hello"


def test_the_cause_survives_noise_that_came_after_it():
    words = last_words(TRACE + NOISE + "\n" + CONSEQUENCE, 1000)
    assert words.splitlines()[:2] == [
        "torch.OutOfMemoryError: CUDA out of memory",
        CONSEQUENCE,
    ]
    assert words.endswith(CONSEQUENCE)
    assert len(words) <= 1000


def test_a_cause_is_told_once():
    words = last_words(TRACE * 20 + NOISE, 1000)
    assert words.count("OutOfMemoryError") == 1


def test_an_argument_parsers_complaint_is_a_cause():
    output = NOISE + "\napi_server.py: error: argument --seed: invalid int value: 'x'\n"
    assert last_words(output, 500).startswith("error: argument --seed: invalid int value: 'x'\n")


def test_a_warning_that_mentions_an_error_is_none():
    line = "(APIServer pid=7) WARNING 11-21 [system_utils.py:255] This can cause errors like `OSError: [Errno 24] x`"
    assert last_words(f"{line}\n{NOISE}", 500).startswith("…")


@pytest.mark.parametrize("most", [1, 2, 10, 60, 61, 200, 3000])
@pytest.mark.parametrize("output", ["", "x", "é" * 5000, TRACE + NOISE, CONSEQUENCE, "ValueError: " + "y" * 5000])
def test_the_limit_holds(output, most):
    assert len(last_words(output, most)) <= most


def test_a_native_servers_log_gives_its_cause_and_not_what_follows_from_it():
    output = """\
0.00.013.498 W srv  llama_server: CORS is set to allow all origins
0.00.029.232 E llama_model_load: error loading model: tensor 'a' data is not within the file bounds
0.00.029.235 E llama_model_load_from_file_impl: failed to load model
0.00.029.318 E srv    load_model: failed to load model, 'cut.gguf'
0.00.029.319 I srv    operator(): operator(): cleaning up before exit...
"""
    words = last_words(output, 2000)
    assert words.splitlines()[0] == "error loading model: tensor 'a' data is not within the file bounds"
    assert words.splitlines()[1] == output.splitlines()[0]
