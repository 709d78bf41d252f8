"""Foretold, measured, learned."""

from typing import Any

import pytest

from llmfleet.core.measured import fit_status
from llmfleet.core.world import Observed
from tests.builders import NOW, children, deployment, look, pod, ready, report, revision, with_status

SOON, LATE = "2026-11-21T12:09:00Z", "2026-11-21T12:11:00Z"


def seen(measured: int | None, learned: list[dict[str, Any]] | None = None, **foretold: Any) -> Observed:
    """A ready pod of a revision that 1,000 tokens were foretold of."""
    raw = deployment(*([with_status(fit={"learned": learned})] if learned else []))
    record, *others = children(raw)
    record["data"]["model"] = {"fit": {"kvTokensPredicted": 1000, **foretold}}
    pods = [pod(revision(raw), ready())]
    told = report(kv_cache_tokens=measured, engine_version="0.32.0")
    return look(raw, [record, *others], pods, {pods[0]["metadata"]["uid"]: told})


def learned(percent: int, time: str = NOW, version: str = "0.32.0") -> dict[str, Any]:
    return {"engineVersion": version, "percent": percent, "time": time}


def told(observed: Observed, now: str = NOW) -> dict[str, Any]:
    found = fit_status(observed, revision(dict(observed.raw)), now)
    return {} if found is None else found.model_dump(by_alias=True, exclude_defaults=True)


def test_before_the_engine_has_told_only_the_prediction_is_there() -> None:
    assert told(seen(None)) == {"kvTokensPredicted": 1000}


def test_predicted_measured_and_their_ratio_stand_together() -> None:
    assert told(seen(980)) == {"kvTokensPredicted": 1000, "kvTokensMeasured": 980, "measuredPercent": 98}


def test_a_revision_whose_model_nobody_looked_at_says_nothing() -> None:
    raw = deployment()
    assert fit_status(look(raw, children(raw)), revision(raw), NOW) is None


@pytest.mark.parametrize(
    ("measured", "before", "now", "after"),
    [
        (1100, [], NOW, []),
        (1110, [], NOW, [learned(111)]),
        (880, [], NOW, [learned(88)]),
        (1110, [learned(105)], LATE, [learned(105)]),
        (1170, [learned(105)], SOON, [learned(105)]),
        (1170, [learned(105)], LATE, [learned(117, LATE)]),
        (490, [learned(80)], LATE, [learned(80)]),
        (4, [], NOW, []),
        (2100, [], NOW, []),
        (1200, [learned(80, version="0.31.0")], NOW, [learned(80, version="0.31.0"), learned(120)]),
    ],
)
def test_only_what_differs_by_a_tenth_is_learned_and_every_ten_minutes(
    measured: int, before: list[dict[str, Any]], now: str, after: list[dict[str, Any]]
) -> None:
    found = told(seen(measured, before), now).get("learned", ())
    assert list(found) == after


def test_a_prediction_that_was_corrected_teaches_the_whole_difference() -> None:
    assert told(seen(700, [learned(80)], learnedPercent=80), LATE)["learned"] == (learned(56, LATE),)


def test_at_most_four_versions_are_kept() -> None:
    many = [learned(120, version=f"0.{number}.0") for number in range(28, 32)]
    found = told(seen(1200, many))["learned"]
    assert [each["engineVersion"] for each in found] == ["0.29.0", "0.30.0", "0.31.0", "0.32.0"]
