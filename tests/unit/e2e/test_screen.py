"""The demo's presentation: plain lines where nobody watches, the same words on a terminal."""

import subprocess
from io import StringIO

import pytest
from rich.console import Console

from e2e.demo.screen import Screen, in_short
from e2e.demo.stage import Stage, last_change
from e2e.stack import Kubectl, Stack, sample
from llmfleet.api.scaled import Decision
from llmfleet.core.explain.account import Account
from llmfleet.core.explain.story import story


def screen(*, terminal: bool) -> tuple[Screen, StringIO]:
    out = StringIO()
    return Screen(Console(file=out, force_terminal=terminal, width=100, highlight=False)), out


def status(**conditions: str) -> dict[str, object]:
    entries = [{"type": kind, "status": value, "reason": "R", "message": "m"} for kind, value in conditions.items()]
    decision = {"time": "t", "from": 1, "to": 3, "reason": "QueueDepth", "message": "12 waiting"}
    return {"status": {"conditions": entries, "autoscaling": {"history": [decision]}}}


@pytest.mark.parametrize("terminal", [True, False])
def test_every_kind_of_output_is_shown(*, terminal: bool) -> None:
    shown, out = screen(terminal=terminal)
    shown.chapter("A title")
    shown.say("a sentence")
    shown.document(sample(), "apply")
    shown.refusal("Invalid value: 0")
    shown.piece("an answer")
    with shown.live(lambda: "waiting"):
        shown.fact("a fact")
    shown.table("Numbers", [("what", "42 s")])
    for words in ("1 · A title", "a sentence", "LLMDeployment", "Invalid value: 0", "an answer", "a fact", "42 s"):
        assert words in out.getvalue()
    assert ("\x1b[" in out.getvalue()) is terminal


def test_conditions_and_decisions_are_shown_once_until_they_change() -> None:
    shown, out = screen(terminal=False)
    stage = Stage(shown, Stack(Kubectl()), sample())
    for fleet in (status(Ready="False"), status(Ready="False"), status(Ready="True")):
        stage.show_changes(fleet)
    text = out.getvalue()
    assert text.count("Ready") == 2
    assert text.count("1 → 3") == 1
    assert "QueueDepth: 12 waiting" in text


def test_of_a_story_the_last_change_of_size_is_shown_on_one_line() -> None:
    decided = [
        Decision(time="2026-01-01T12:00:00Z", from_=1, to=3, reason="QueueDepth", message="12 waiting; 3 are right: 3"),
        Decision(time="2026-01-01T12:01:00Z", from_=3, to=3, reason="NoData", message="silent"),
    ]
    account = Account(
        name="a",
        namespace="b",
        now="2026-01-01T12:05:00Z",
        wanted=3,
        ready=3,
        least=1,
        most=3,
        decisions=tuple(decided),
    )
    assert last_change(story(account, 3600)) == "12:00:00Z 1 → 3 QueueDepth 12 waiting → 3 are right: 3"
    assert last_change(story(account.model_copy(update={"decisions": ()}), 3600)) == "the size was never changed"


TOLD = subprocess.CompletedProcess([], 0, "x\n\n  1Z  1 → 2  Busy\n      a\n", "")
FAILED = subprocess.CompletedProcess([], 1, "", "Error: no cluster\n")


@pytest.mark.parametrize(("answer", "expected"), [(TOLD, "1Z 1 → 2 Busy a"), (FAILED, "Error: no cluster")])
def test_explain_is_asked_and_what_it_says_is_shown(monkeypatch, answer, expected: str) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(subprocess, "run", lambda command, **_: asked.append(command) or answer)
    shown, out = screen(terminal=False)
    Stage(shown, Stack(Kubectl()), sample()).explain()
    assert asked[0][2:5] == ["llmfleet", "explain", sample()["metadata"]["name"]]
    assert expected in out.getvalue()


def test_markup_in_the_servers_words_stays_text() -> None:
    shown, out = screen(terminal=False)
    shown.refusal("spec[/red] [bold]0")
    shown.fact("spec[/red] [bold]0")
    assert out.getvalue().count("spec[/red] [bold]0") == 2


def test_of_a_traceback_the_error_itself_is_shown() -> None:
    assert in_short("Traceback:\n  File x\nRuntimeError: no memory\n\n") == "RuntimeError: no memory"
    assert in_short("") == ""
