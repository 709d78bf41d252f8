"""``llmfleet explain``: text, JSON and pictures, and what it says when something is missing."""

import json
import re
import sys
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from llmfleet.__main__ import main
from llmfleet.commands import explain as command
from llmfleet.commands.picture import drawn
from llmfleet.core.explain.account import Account, Point, Promise
from llmfleet.core.explain.retraced import Kept
from llmfleet.core.scaling.recorded import SIZE
from llmfleet.core.scaling.series import Points, Scrape
from llmfleet.shell.errors import FleetError, Unavailable
from llmfleet.shell.reach import Answer
from tests.builders import NOW
from tests.unit.operator.test_story import account

BEGAN = datetime.fromisoformat(NOW).timestamp() - 1800
POINTS = tuple(
    Point(
        time=f"2026-11-21T11:{minute:02d}:00Z",
        wanted=1 + minute // 20,
        ready=1 + minute // 30,
        in_flight=float(minute),
        waiting=None if minute % 7 == 0 else minute / 2,
        first_token_seconds=minute / 10 or None,
    )
    for minute in range(60)
)
SEEN = account(points=POINTS, first_token=Promise(percentile=95, seconds=2.0))


def ran(monkeypatch: pytest.MonkeyPatch, answer: Account | Answer | FleetError, *arguments: str) -> tuple[Result, list]:
    asked = []

    async def ask(*given: object) -> Answer:
        asked.append(given)
        if isinstance(answer, FleetError):
            raise answer
        if isinstance(answer, Account):
            return Answer(200, json.loads(answer.model_dump_json(by_alias=True, exclude_none=True)))
        return answer

    monkeypatch.setattr(command, "ask_directly", ask)
    return CliRunner().invoke(main, ["explain", "qwen", "--operator", "http://here", *arguments]), asked


def test_the_operator_is_asked_for_the_fleet_and_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    found, asked = ran(monkeypatch, SEEN, "-n", "team-a", "--since", "24h")
    assert (found.exit_code, asked[0][1:]) == (
        0,
        ("GET", "/v1/namespaces/team-a/llmdeployments/qwen/account?seconds=86400"),
    )
    assert found.output.startswith("team-a/qwen: 1 decision in the last 1 d\n")


def test_json_is_the_whole_account(monkeypatch: pytest.MonkeyPatch) -> None:
    found, _ = ran(monkeypatch, SEEN, "-o", "json")
    assert Account.model_validate_json(found.output) == SEEN
    assert json.loads(found.output)["points"][1]["inFlight"] == 1.0


def test_what_a_prometheus_kept_of_that_time_is_added(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def kept(_: object, *fleet: object) -> Kept:
        asked.append(fleet)
        return Kept((), (Points({"__name__": SIZE}, ((BEGAN - 60, 1.0), (BEGAN + 60, 2.0))),), Scrape())

    monkeypatch.setattr(command, "kept", kept)
    found, _ = ran(monkeypatch, account(), "-o", "json", "--since", "30m", "--prometheus", "http://there:9090")
    told = Account.model_validate_json(found.output)
    (namespace, name, (begin, end)), *more = asked
    assert (namespace, name, end, more) == ("team-a", "qwen", BEGAN + 1800, [])
    assert BEGAN - 120 <= begin < BEGAN
    assert (told.points[0].time, told.points[-1].wanted) == ("2026-11-21T11:30:00Z", 2)
    assert told.sources[0] == "the status"
    assert told.sources[1].startswith("what the Prometheus at http://there:9090 kept from ")


def test_a_prometheus_that_cannot_be_asked_is_said_and_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    found, _ = ran(monkeypatch, SEEN, "-o", "json", "--prometheus", "http://127.0.0.1:1")
    told = Account.model_validate_json(found.output)
    assert told.sources[1].startswith("nothing of the Prometheus at http://127.0.0.1:1, as it could not be asked (")
    assert told.model_copy(update={"sources": SEEN.sources}) == SEEN


@pytest.mark.parametrize("since", ["1", "h", "0s", "8d", "-1h", "1h30m", "soon"])
def test_a_time_that_is_none_is_refused_with_what_is(monkeypatch: pytest.MonkeyPatch, since: str) -> None:
    found, asked = ran(monkeypatch, SEEN, f"--since={since}")
    assert (found.exit_code, asked) == (2, [])
    assert "is no length of time up to 7d, such as 90s, 30m, 24h or 2d" in " ".join(found.output.split())


def test_the_picture_has_a_chart_for_each_thing_and_the_objective(monkeypatch: pytest.MonkeyPatch) -> None:
    found, _ = ran(monkeypatch, SEEN, "--picture")
    for expected in ("replicas", "requests", "ms to the first token", "objective 2000", "wanted", "ready", "waiting"):
        assert expected in found.output
    assert "per output token" not in found.output
    assert "\x1b" not in found.output
    assert max(map(len, found.output.split("team-a/qwen")[0].splitlines())) <= 120


def test_a_pipe_gets_no_picture_unless_it_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "┌" not in ran(monkeypatch, SEEN)[0].output


def test_numbers_that_nobody_told_are_not_drawn() -> None:
    silent = tuple(Point(time=each.time, wanted=1, ready=1) for each in POINTS)
    assert "requests" in drawn(account(points=silent), 80, has_colours=False)


def test_without_points_there_is_a_sentence_in_place_of_a_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "No picture: fewer than two points" in ran(monkeypatch, account(), "--picture")[0].output


def test_a_png_is_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "qwen.png"
    found, _ = ran(monkeypatch, SEEN, "--png", str(path))
    assert (found.exit_code, path.read_bytes()[:8]) == (0, b"\x89PNG\r\n\x1a\n")


def test_a_png_of_nothing_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found, _ = ran(monkeypatch, account(), "--png", str(tmp_path / "qwen.png"))
    assert found.exit_code == 1
    assert "nothing to draw" in found.output


@pytest.mark.parametrize(("library", "option"), [("plotext", "--picture"), ("matplotlib.figure", "--png=x.png")])
def test_a_library_that_is_missing_is_named_with_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, library: str, option: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    found, _ = ran(monkeypatch, SEEN, option)
    assert found.exit_code == 1
    assert re.search(rf"needs {library.split('.', maxsplit=1)[0]}: pip install 'llmfleet\[plot\]'", found.output)


def test_a_missing_library_costs_nothing_where_no_picture_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plotext", None)
    assert ran(monkeypatch, SEEN)[0].exit_code == 0


def test_watching_tells_it_again_until_somebody_stops_it(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter((None, None, KeyboardInterrupt()))

    def wait(_: float) -> None:
        if stop := next(looks):
            raise stop

    monkeypatch.setattr(command.time, "sleep", wait)
    found, asked = ran(monkeypatch, SEEN, "--watch", "-o", "json")
    assert (found.exit_code, len(asked), len(found.output.splitlines())) == (0, 3, 3)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(404, {"message": "team-a/qwen: the operator knows no LLMDeployment of that name"}), "knows no LLMDep"),
        (Answer(409, {"message": "it has no spec.autoscaling"}), "it has no spec.autoscaling"),
        (Unavailable("no operator answers at http://here"), "no operator answers"),
    ],
)
def test_what_cannot_be_told_is_an_error(
    monkeypatch: pytest.MonkeyPatch, answer: Answer | FleetError, expected: str
) -> None:
    found, _ = ran(monkeypatch, answer)
    assert found.exit_code == 1
    assert expected in found.output
