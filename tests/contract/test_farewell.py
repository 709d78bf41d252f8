"""The launcher's farewell as the operator reads it: the drain ledger, and the words of the failure dictionary."""

import ast
import re
from pathlib import Path

import pytest

from llmfleet.api.conditions import Reason
from llmfleet.core.dictionary import CRASHES, FAREWELLS, Entry
from llmfleet.core.drains import removals
from llmfleet.core.remedy import remedy
from llmfleet.core.trouble import of_crash
from llmfleet_runtime.argv import BadConfig
from llmfleet_runtime.contract import DownloadReason, ExitCode
from llmfleet_runtime.drain import Ledger
from llmfleet_runtime.farewell import farewell, fitted
from llmfleet_runtime.quantization import Mismatch, Unsupported
from tests.builders import NOW, UID, left, pod

RUNTIME = Path(__file__).parents[2] / "runtime"
SIGNALLED = "ended by itself, by signal 9"
"""Put together from parts; the launcher's own tests hold it."""
OURS = [each for each in CRASHES if each.source.startswith("llmfleet_runtime/") and SIGNALLED not in each.words]


def after(text: str):
    """A pod that ended with this termination message."""
    raw = pod("a1", left(seconds=0), name="a")
    raw["status"]["containerStatuses"][0]["state"]["terminated"]["message"] = text
    return removals(UID, [raw], (), NOW)[0].drain


def test_a_drain_is_read_as_it_was_written() -> None:
    ledger = Ledger(in_flight_at_start=7, finished=5, aborted=2, seconds=31.25)
    found = after(fitted(farewell(ExitCode.STOPPED, "asked to stop", ledger)))
    assert (found.in_flight, found.finished, found.aborted, found.seconds) == (7, 5, 2, 31)


def test_what_the_guard_never_said_stays_unknown() -> None:
    found = after(fitted(farewell(ExitCode.STOPPED, "asked to stop", Ledger(seconds=8.0))))
    assert (found.in_flight, found.finished, found.aborted, found.seconds) == (None, None, None, 8)


@pytest.mark.proves("F33")
def test_a_cause_survives_a_farewell_that_was_cut_to_its_size() -> None:
    noise = "\n".join(f"(EngineCore pid=9) INFO 11-21 13:23:29 [a.py:1] é {number}" for number in range(500))
    output = f"(EngineCore pid=9) ERROR 11-21 13:23:29 [core.py:1] ValueError: Unknown quantization method: x.\n{noise}"
    text = fitted(farewell(ExitCode.ENGINE_DIED, "the engine ended by itself, with exit code 1", output=output))
    trouble = of_crash({"exitCode": 70, "reason": "Error", "message": text}, restarts=1)
    assert (trouble.reason, trouble.message) == (
        Reason.QUANTIZATION_UNSUPPORTED, "ValueError: Unknown quantization method: x."
    )  # fmt: skip


@pytest.mark.proves("S21")
@pytest.mark.parametrize(
    ("error", "reason", "step"),
    [
        (
            Mismatch(
                "the weights are awq, and quantization asks for FP8; quantization.method AWQ fits this checkpoint"
            ),
            Reason.QUANTIZATION_MISMATCH,
            "Set quantization.method to AWQ",
        ),
        (
            Mismatch("the weights are quark, and quantization asks for FP8; take a checkpoint that is not quantized"),
            Reason.QUANTIZATION_MISMATCH,
            "Correct quantization.method",
        ),
        (
            Unsupported("the weights are gptq, 8 bits: no kernel"),
            Reason.QUANTIZATION_UNSUPPORTED,
            "quantized otherwise",
        ),
    ],
)
def test_what_the_launcher_found_out_by_itself_counts_at_once(error: BadConfig, reason: Reason, step: str) -> None:
    text = fitted(farewell(ExitCode.BAD_CONFIG, str(error), reason=error.reason))
    trouble = of_crash({"exitCode": 64, "reason": "Error", "message": text}, restarts=0)
    assert (trouble.reason, trouble.message, trouble.is_terminal) == (reason, str(error), True)
    assert step in remedy(trouble.reason, trouble.message)


def test_every_name_that_the_launcher_gives_is_known() -> None:
    assert {each.reason for each in BadConfig.__subclasses__()} | {*DownloadReason} == FAREWELLS.keys()


@pytest.mark.parametrize("entry", OURS, ids=lambda entry: entry.words)
def test_the_launcher_still_says_so(entry: Entry) -> None:
    tree = ast.parse((RUNTIME / entry.source).read_text(encoding="utf-8"))
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    filled = [
        "".join(str(part.value) if isinstance(part, ast.Constant) else "0" for part in node.values)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
    ]
    assert any(re.search(entry.words, text, re.IGNORECASE) for text in (*texts, *filled))
