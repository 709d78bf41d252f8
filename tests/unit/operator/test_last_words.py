"""The failure dictionary: an engine's last words as they are written become a cause, and others do not."""

import json
import tomllib
from pathlib import Path

import pytest

from llmfleet.api.conditions import MEANINGS, Reason
from llmfleet.core.dictionary import CLAIMS, CONFIGURING, CRASHES, CREATIONS, DISRUPTIONS, PLACING, Entry, cause
from llmfleet.core.trouble import SHOWN_CHARACTERS, of_crash

BORN = "2026-11-21T12:00:00Z"
AT_ONCE = "2026-11-21T12:00:01Z"
LATER = "2026-11-21T12:10:00Z"

LAST_WORDS = tomllib.loads(Path(__file__).with_name("last_words.toml").read_text(encoding="utf-8"))
CRASHED = [(words, Reason(reason)) for reason, cases in LAST_WORDS.items() for words in cases]

HARMLESS = [
    "RuntimeError: CUDA error: an illegal memory access was encountered",
    "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {'EngineCore_0': 1}",
    "ImportError: libcudart.so.13: cannot open shared object file: No such file or directory",
    "WARNING fused quantization kernels are not supported, falling back",
    "INFO num_heads=14, tensor_parallel_size=2",
    "the engine ended by itself, by signal 11 (SIGSEGV)",
]


def ended(message: str, **members: object) -> dict[str, object]:
    return {"exitCode": 70, "reason": "Error", "message": message, **members}


def farewell(words: str) -> str:
    """What the launcher writes: its own line, then the engine's causes, then the end of the log."""
    log = "…" + "\n".join(f"(EngineCore pid=9) INFO 11-21 line {number}" for number in range(90))
    message = f"the engine ended by itself, with exit code 1\n{words}\n{log}"
    return json.dumps({"exitCode": 70, "reason": "EngineDied", "message": message})


@pytest.mark.proves("R43", "F33", "F34", "S41")
@pytest.mark.parametrize(("words", "reason"), CRASHED, ids=[words[:40] for words, _ in CRASHED])
@pytest.mark.parametrize("told", [str, farewell], ids=["log", "farewell"])
def test_an_engines_last_words_become_a_cause(words: str, reason: Reason, told) -> None:
    trouble = of_crash(ended(told(words)), restarts=1)
    assert trouble.reason == reason


@pytest.mark.parametrize("words", HARMLESS)
def test_other_words_are_a_crash_without_a_cause(words: str) -> None:
    assert of_crash(ended(words), restarts=1).reason == Reason.CRASH_LOOP
    assert of_crash(ended(words, exitCode=64), restarts=1).reason == Reason.BAD_ENGINE_CONFIG


@pytest.mark.parametrize("entry", CRASHES, ids=lambda entry: entry.words)
def test_every_entry_about_crashes_has_an_example(entry: Entry) -> None:
    assert any(cause((entry,), words) for words, reason in CRASHED if reason == entry.reason)


@pytest.mark.parametrize("entry", [*CRASHES, *CONFIGURING, *CLAIMS, *PLACING, *CREATIONS, *DISRUPTIONS])
def test_every_entry_names_where_its_words_stand_and_a_reason_with_a_meaning(entry: Entry) -> None:
    assert entry.source
    assert entry.reason in MEANINGS


def test_the_lines_with_the_cause_are_shown_not_the_log_around_them() -> None:
    words = "ValueError: No available memory for the cache blocks."
    assert of_crash(ended(farewell(words)), restarts=1).message == words


def test_a_crash_without_a_known_cause_shows_the_beginning_of_the_farewell_and_the_end_of_a_log() -> None:
    assert of_crash(ended(farewell("KeyError: 'x'")), 1).message.startswith("the engine ended by itself")
    assert of_crash(ended("a" * 5000 + "the end"), 1).message.endswith("the end")


@pytest.mark.parametrize(
    "message", ["", "x" * 9000, farewell("y" * 9000), "out of memory " * 900 + "CUDA out of memory"]
)
def test_what_is_shown_is_bounded_and_never_empty(message: str) -> None:
    assert 0 < len(of_crash(ended(message), restarts=1).message) <= SHOWN_CHARACTERS


@pytest.mark.proves("F34")
def test_the_kernels_kill_is_lack_of_host_memory_whatever_was_said() -> None:
    assert of_crash(ended("CUDA out of memory", reason="OOMKilled"), 1).reason == Reason.OUT_OF_HOST_MEMORY


@pytest.mark.proves("S71")
def test_an_image_without_the_engine_says_so() -> None:
    words = "this image holds no vLLM that its python3 can find"
    trouble = of_crash(ended(words, exitCode=64), restarts=2)
    assert (trouble.reason, trouble.message, trouble.is_terminal) == (Reason.BAD_ENGINE_CONFIG, words, True)


@pytest.mark.proves("S71")
def test_a_container_that_could_not_be_started_says_so() -> None:
    trouble = of_crash(ended('exec: "python3": executable file not found in $PATH', reason="StartError"), 3)
    assert (trouble.reason, trouble.is_terminal) == (Reason.CONTAINER_NOT_STARTED, True)


@pytest.mark.parametrize(
    ("words", "restarts", "times", "is_terminal"),
    [
        pytest.param("KeyError", 1, (BORN, AT_ONCE), False, id="once"),
        pytest.param("KeyError", 2, (BORN, AT_ONCE), True, id="again and again"),
        pytest.param("KeyError", 2, (BORN, LATER), False, id="after ten minutes of service each"),
        pytest.param("the engine was not ready after 1200 s", 2, (BORN, LATER), True, id="never ready"),
        pytest.param("429 Too Many Requests", 9, (BORN, AT_ONCE), False, id="the hub is busy"),
        pytest.param("stopped while stalled", 9, (BORN, AT_ONCE), False, id="stalled"),
    ],
)
def test_a_crash_loop_is_hopeless_unless_starts_succeed_or_may(
    words: str, restarts: int, times, *, is_terminal
) -> None:
    started, finished = times
    trouble = of_crash(ended(words, startedAt=started, finishedAt=finished), restarts)
    assert (trouble.is_terminal, trouble.since) == (is_terminal, finished)
