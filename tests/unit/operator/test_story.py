"""An account in words: what a person reads at three in the morning."""

import pytest

from llmfleet.api.scaled import AutoscalingStatus, Decision
from llmfleet.core.explain.account import Account, NotAutoscaled, from_status, joined, since
from llmfleet.core.explain.story import counterfactuals, span, story
from llmfleet.core.scaling.why import LIMITS, MEANINGS, Why
from tests.builders import NOW, deployment, look, with_autoscaling, with_decision, with_spec, with_status

EARLIER, LATE = "2026-11-21T11:40:00Z", "2026-11-21T11:59:00Z"
CHAIN = "14.2 requests/s now; 3.10 per replica at p95 <= 2000 ms to the first token; 5; at most 4, 1 blocked"
GROWN = Decision(time=LATE, from_=1, to=4, reason="MaxReplicas", message=CHAIN)


def standing(why: Why, message: str = CHAIN, desired: int = 4) -> AutoscalingStatus:
    return AutoscalingStatus(desired=desired, reason=why, message=message, since=LATE)


def account(why: Why = Why.MAX_REPLICAS, **members: object) -> Account:
    usual = {"namespace": "team-a", "name": "qwen", "now": NOW, "wanted": 4, "ready": 2, "least": 1, "most": 4}
    usual |= {"standing": standing(why), "called_for": 5, "decisions": (GROWN,), "sources": ("the status",)}
    return Account(**{**usual, **members})


def test_the_story_tells_what_happened_and_what_holds_and_what_would_change_it() -> None:
    assert story(account(), 3600) == (
        "team-a/qwen: 1 decision in the last 1 h\n"
        "\n"
        "  11:59:00Z  1 → 4  MaxReplicas\n"
        "      14.2 requests/s now\n"
        "    → 3.10 per replica at p95 <= 2000 ms to the first token\n"
        "    → 5\n"
        "    → at most 4, 1 blocked\n"
        "\n"
        "Now: 4 replicas wanted, 2 replicas ready, for 1 min\n"
        "  MaxReplicas, while the load calls for 5: More is called for; maxReplicas forbids it. "
        "Raise it, or accept slower answers.\n"
        "      14.2 requests/s now\n"
        "    → 3.10 per replica at p95 <= 2000 ms to the first token\n"
        "    → 5\n"
        "    → at most 4, 1 blocked\n"
        "  Bounds: 1 to 4\n"
        "  What would change it:\n"
        "    - raising autoscaling.maxReplicas above 4: the load calls for 5 replicas\n"
        "\n"
        "From the status."
    )


@pytest.mark.parametrize("why", Why)
def test_every_reason_has_a_meaning_and_something_that_would_change_it(why: Why) -> None:
    told = story(account(why), 3600)
    assert MEANINGS[why] in told
    assert counterfactuals(account(why))


@pytest.mark.parametrize("why", sorted(LIMITS - {Why.NO_DATA, Why.HELD_DOWN}))
def test_what_limits_says_what_the_load_calls_for(why: Why) -> None:
    assert "5 replicas" in counterfactuals(account(why))[0]
    assert "what the load calls for" in counterfactuals(account(why, called_for=None))[0]


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        pytest.param({"most_by": "night"}, "raising schedule night above 4", id="a schedule's maximum"),
        pytest.param({"standing": standing(Why.IDLE, desired=0)}, "llmfleet wake qwen -n team-a", id="asleep"),
        pytest.param({"standing": standing(Why.NO_DATA)}, "kubectl get pods -l llmfleet.io/dep", id="blind"),
        pytest.param({"next_schedule_change": LATE}, f"the schedules at {LATE}", id="a schedule to come"),
        pytest.param({"least_by": "office"}, "Bounds: 1 (schedule office) to 4", id="bounds by a schedule"),
        pytest.param({"is_enforced": False}, "mode is Observe", id="only watched"),
        pytest.param({"standing": None}, "nothing is decided yet", id="a new fleet"),
        pytest.param({"decisions": ()}, "The size was never changed", id="a calm hour"),
        pytest.param({"now": "2026-11-22T00:10:00Z"}, "2026-11-21 11:59:00Z  1 → 4", id="yesterday"),
        pytest.param({"standing": standing(Why.STEADY), "called_for": 4}, "Steady: The size is right", id="steady"),
        pytest.param({"standing": AutoscalingStatus(desired=4, reason="Later", since=LATE)}, "Later", id="unknown"),
    ],
)  # fmt: skip
def test_the_story_names(members: dict, expected: str) -> None:
    assert expected in story(account(**members), 3600)


def test_a_size_that_is_held_says_that_it_stays() -> None:
    held = Decision(time=LATE, from_=4, to=4, reason="HeldDown", message="")
    told = story(account(decisions=(held,)), 3600)
    assert "stays 4  HeldDown" in told
    assert "no numbers were kept" in told


def test_an_account_from_the_status_knows_bounds_objectives_and_decisions() -> None:
    raw = deployment(
        with_autoscaling(1, 4),
        with_spec(autoscaling={"targets": {"timeToFirstToken": {"milliseconds": 2000}}}),
        with_decision(3),
        with_status(desiredReplicas=3, readyReplicas=2),
    )
    found = from_status(look(raw), NOW)
    assert (found.wanted, found.ready, found.least, found.most) == (3, 2, 1, 4)
    assert found.first_token is not None
    assert (found.first_token.percentile, found.first_token.seconds, found.output_token) == (95, 2.0, None)
    assert found.standing is not None
    assert found.standing.desired == 3


@pytest.mark.parametrize(
    ("modifiers", "expected"),
    [([with_spec(replicas=2)], "no spec.autoscaling"), ([with_spec(replicas=-1)], "its spec breaks a rule")],
)
def test_a_fleet_that_nobody_sizes_has_nothing_to_explain(modifiers: list, expected: str) -> None:
    with pytest.raises(NotAutoscaled, match=expected):
        from_status(look(deployment(*modifiers)), NOW)


def test_what_is_older_is_left_out() -> None:
    old = GROWN.model_copy(update={"time": EARLIER})
    assert since(account(decisions=(old, GROWN)), 600).decisions == (GROWN,)


def test_two_sources_tell_each_decision_once_in_order() -> None:
    old = GROWN.model_copy(update={"time": EARLIER})
    assert joined((old, GROWN), (GROWN,)) == joined((GROWN,), (old,)) == (old, GROWN)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3725, "1 h 2 min"), (90_000, "1 d 1 h"), (172_800, "2 d")],
)
def test_lengths_of_time_are_told_in_two_units(seconds: float, expected: str) -> None:
    assert span(seconds) == expected
