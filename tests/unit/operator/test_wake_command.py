"""``llmfleet wake``: its words for what came of a call, and for what stood in its way."""

import pytest
from click.testing import CliRunner, Result

from llmfleet.__main__ import main
from llmfleet.commands import wake as command
from llmfleet.shell.errors import FleetError, Refused, Unavailable
from llmfleet.shell.reach import Answer

WOKEN = Answer(200, {"before": 0, "replicas": 2, "reason": "Woken", "message": "told to wake 2"})
AWAKE = Answer(200, {"before": 2, "replicas": 2, "reason": "Steady", "message": "2 is right"})


def ran(monkeypatch: pytest.MonkeyPatch, answer: Answer | FleetError, *arguments: str) -> tuple[Result, list]:
    asked = []

    async def ask(*given: object) -> Answer:
        asked.append(given)
        if isinstance(answer, FleetError):
            raise answer
        return answer

    monkeypatch.setattr(command, "ask_directly", ask)
    return CliRunner().invoke(main, ["wake", "qwen", "--operator", "http://here", *arguments]), asked


def test_a_call_names_the_fleet_and_says_what_came_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found, asked = ran(monkeypatch, WOKEN, "-n", "team-a", "--replicas", "2")
    assert (found.exit_code, found.output) == (0, "qwen is waking: 0 -> 2 replicas (Woken: told to wake 2)\n")
    path = "/v1/namespaces/team-a/llmdeployments/qwen/wake"
    assert asked == [("http://here", "POST", path, {"replicas": 2})]


def test_one_that_is_awake_already_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ran(monkeypatch, AWAKE)[0].output == "qwen is awake: 2 wanted (Steady: 2 is right)\n"


def test_a_refusal_is_an_error_in_the_operators_words(monkeypatch: pytest.MonkeyPatch) -> None:
    found, _ = ran(monkeypatch, Answer(409, {"message": "team-a/qwen: spec.paused is true; set it to false first"}))
    assert (found.exit_code, found.output) == (1, "Error: team-a/qwen: spec.paused is true; set it to false first\n")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Refused("port-forward to pod a/b: Forbidden", 403), "Next: have somebody grant you"),
        (Unavailable("no operator answers"), "Next: check the context"),
        (Refused("no operator leads in namespace a"), "kubectl get lease llmfleet -A"),
    ],
)
def test_what_stood_in_the_way_comes_with_the_next_step(
    monkeypatch: pytest.MonkeyPatch, error: FleetError, expected: str
) -> None:
    found, _ = ran(monkeypatch, error)
    assert found.exit_code == 1
    assert str(error) in found.output
    assert expected in found.output


@pytest.mark.parametrize("replicas", ["0", "1001", "some"])
def test_a_number_that_is_none_is_refused_before_anybody_is_asked(
    monkeypatch: pytest.MonkeyPatch, replicas: str
) -> None:
    found, asked = ran(monkeypatch, WOKEN, "--replicas", replicas)
    assert (found.exit_code, asked) == (2, [])
    assert "--replicas" in found.output
