"""The decider under latency objectives on a simulated fleet: what it costs, and what it does when data is missing.

The rows of the table of safe behaviour are marked by their condition.
"""

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest

from llmfleet.core.scaling.decide import Decision, Memory, Policy, Why, decide
from llmfleet.core.scaling.keep import MOST_TURNS, Turn
from llmfleet.core.scaling.load import tick
from llmfleet.core.scaling.objective import Objective, Objectives
from llmfleet.core.simulation import synthetic
from llmfleet.core.simulation.decider import Decider, read
from llmfleet.core.simulation.fleet import World
from llmfleet.core.simulation.outcome import Outcome, Promise
from llmfleet.core.simulation.profile import PROFILES
from llmfleet.core.simulation.run import Fault, Page, Scene, simulate

OBJECTIVES = Objectives(Objective(0.95, 2.0), Objective(0.95, 0.1))
POLICY = Policy(1, 32, objectives=OBJECTIVES)
WORLD = World(PROFILES["8b-a100"], startup_seconds=60, startup_variation=0.1)


@dataclass
class Watched:
    """The decider, with all that it said."""

    policy: Policy = POLICY
    every_seconds: float = 5.0
    memory: Memory = field(default_factory=lambda: Memory.fresh(0.0))
    decisions: list[tuple[float, int, Decision]] = field(default_factory=list)
    restart_at: float = -1.0
    restarted: Callable[[float], Memory] = Memory.fresh

    def size(self, pages: Sequence[Page], size: int, now: float) -> tuple[int, str]:
        if now == self.restart_at:
            self.memory = self.restarted(now)
        decision, self.memory = decide(self.policy, self.memory, size, tick(now, read(pages)), now)
        self.decisions.append((now, size, decision))
        return decision.replicas, decision.message

    def between(self, begin: float, end: float) -> list[tuple[int, Decision]]:
        return [(size, decision) for now, size, decision in self.decisions if begin <= now < end]

    def released(self, begin: float, end: float) -> int:
        return sum(decision.replicas < size for size, decision in self.between(begin, end))

    def grown(self, begin: float, end: float) -> int:
        return sum(decision.replicas > size for size, decision in self.between(begin, end))


def run(
    rate: synthetic.Rate, seconds: float, watched: Watched, fault: Fault | None = None, **members: object
) -> Outcome:
    chance = random.Random(1)
    arrivals = list(synthetic.arrivals(rate, seconds, synthetic.CHAT, chance, 1.1))
    scene = Scene(**({"world": WORLD, "promise": Promise(2.0, 0.1), "seconds": seconds, "initial": 3} | members))
    return simulate(arrivals, replace(scene, fault=fault), watched, chance)


def during(begin: float, end: float, change: Callable[[Page], Page]) -> Fault:
    def fault(now: float, pages: Sequence[Page]) -> Sequence[Page]:
        return [change(each) for each in pages] if begin <= now < end else pages

    return fault


def silent(page: Page) -> Page:
    return Page(page.pod, None)


def every_other_silent(page: Page) -> Page:
    return silent(page) if int(page.pod) % 2 else page


def without_numbers(page: Page) -> Page:
    members = json.loads(page.text or "{}")
    changed = {name: float("nan") for name in members if name not in ("version", "started", "inFlight")}
    return Page(page.pod, json.dumps(members | changed))


def empty(page: Page) -> Page:
    members = json.loads(page.text or "{}")
    return Page(page.pod, json.dumps({name: members[name] for name in ("version", "started", "inFlight")}))


def frozen() -> Callable[[Page], Page]:
    first: dict[str, Page] = {}
    return lambda page: first.setdefault(page.pod, page)


FALLING = synthetic.step(27, 5, 600, 1e9)
RISING = synthetic.step(9, 27, 600, 1e9)


def test_a_constant_load_is_met_with_few_replicas_and_few_words() -> None:
    watched = Watched()
    outcome = run(lambda _: 9.0, 1800, watched)
    assert outcome.attained > 0.97
    assert outcome.gpu_hours < 2.4 * 1800 / 3600
    assert len(outcome.changes) <= 2


def test_a_step_is_answered_within_seconds_and_met_again_when_replicas_are_ready() -> None:
    watched = Watched()
    outcome = run(RISING, 1500, watched)
    assert watched.grown(600, 620)
    assert (outcome.recovery(600) or 1e9) < 1.6 * 60
    assert outcome.gpu_hours < 7 * 1500 / 3600


def test_a_ramp_is_met_ahead() -> None:
    outcome = run(synthetic.ramp(6, 30, 300, 1200), 1500, Watched())
    assert outcome.attained > 0.97


def test_when_load_falls_replicas_go_after_a_while_and_one_by_one() -> None:
    watched = Watched()
    outcome = run(FALLING, 1800, watched, initial=6)
    assert outcome.attained > 0.95
    assert watched.decisions[-1][2].replicas <= 2
    assert watched.released(600, 700) == 0


def test_longer_prompts_at_a_constant_rate_need_more_replicas() -> None:
    watched = Watched()
    chance = random.Random(1)
    plain = synthetic.arrivals(lambda _: 9.0, 1500, synthetic.CHAT, chance)
    arrivals = [each._replace(prompt=each.prompt * (3 if each.time > 600 else 1)) for each in plain]
    simulate(arrivals, Scene(WORLD, Promise(2.0, 0.1), 1500, 3), watched, chance)
    before, after = watched.between(500, 600)[-1][0], watched.between(1400, 1500)[-1][0]
    assert after >= 2 * before


def test_an_idle_fleet_goes_to_its_minimum_before_anything_is_known_of_its_replicas() -> None:
    watched = Watched()
    outcome = run(lambda time: 0.02 if time < 60 else 0.0, 1200, watched, initial=4)
    assert watched.decisions[-1][2].replicas == 1
    assert watched.released(0, 120) == 0
    assert outcome.refused == 0


def test_the_decision_tells_its_chain_and_what_users_feel() -> None:
    watched = Watched()
    run(RISING, 700, watched)
    told = next(decision for size, decision in watched.between(600, 700) if decision.replicas > size)
    assert told.why in (Why.TIME_TO_FIRST_TOKEN, Why.TIME_PER_OUTPUT_TOKEN)
    for words in ("measured p95", "requests/s now", "per replica at p95 <=", "spare"):
        assert words in told.message
    assert len(told.message) <= 1024


def test_starting_replicas_count_as_there() -> None:
    watched = Watched()
    run(RISING, 900, watched)
    assert max(decision.replicas for _, decision in watched.between(600, 900)) <= 12


def test_what_is_remembered_stays_small() -> None:
    watched = Watched()
    run(lambda _: 9.0, 1500, watched)
    flows = watched.memory.arrivals.flows
    assert len(flows) <= 121
    assert not any(each.pods for each in flows)
    assert sum(bool(each.first_token.bounds) for each in flows) <= 19
    assert len(watched.memory.watch.pods) <= 4


def test_the_same_pages_give_the_same_decisions() -> None:
    first, second = Watched(), Watched()
    run(RISING, 900, first)
    run(RISING, 900, second)
    assert first.decisions == second.decisions


def test_the_decider_of_the_command_decides_alike() -> None:
    chance = random.Random(1)
    arrivals = list(synthetic.arrivals(RISING, 900, synthetic.CHAT, chance, 1.1))
    scene = Scene(WORLD, Promise(2.0, 0.1), 900, 3)
    assert simulate(arrivals, scene, Decider(POLICY, 5.0), chance).gpu_hours == run(RISING, 900, Watched()).gpu_hours


def test_bounds_hold() -> None:
    watched = Watched(replace(POLICY, min_replicas=2, max_replicas=4))
    run(RISING, 1500, watched)
    assert {decision.replicas for *_, decision in watched.decisions} <= {2, 3, 4}
    assert watched.decisions[-1][2].replicas == 4


def test_of_two_targets_the_one_that_asks_for_more_decides() -> None:
    both = Watched(replace(POLICY, queue_depth=1, max_concurrency=4))
    run(lambda _: 9.0, 300, both)
    assert max(decision.replicas for *_, decision in both.decisions) >= 6


def test_an_objective_that_cannot_be_met_is_said_with_the_floor() -> None:
    impossible = Objectives(output_token=Objective(0.95, 0.005))
    watched = Watched(replace(POLICY, objectives=impossible))
    run(lambda _: 9.0, 600, watched)
    assert "cannot be kept by more replicas: alone a token takes 1" in watched.decisions[-1][2].message
    assert watched.decisions[-1][2].replicas < 16


# The table of safe behaviour.


@pytest.mark.proves("R61", "F39")
@pytest.mark.parametrize("change", [silent, without_numbers, empty, frozen()], ids=["silent", "NaN", "empty", "frozen"])
def test_metrics_gone_freeze_the_size_however_long(change: Callable[[Page], Page]) -> None:
    watched = Watched()
    run(FALLING, 1100, watched, during(590, 1100, change), initial=6)
    assert watched.released(605, 1100) == 0
    held = watched.between(630, 1100)
    assert {decision.why for _, decision in held} == {Why.NO_DATA}
    assert not any(decision.load_seen for _, decision in held)


def test_with_too_many_stale_pods_nothing_is_released_and_growth_is_still_allowed() -> None:
    falling, rising = Watched(), Watched(replace(POLICY, min_replicas=4))
    run(FALLING, 1100, falling, during(590, 1100, every_other_silent), initial=6)
    assert falling.released(590, 1100) == 0
    run(RISING, 900, rising, during(590, 900, every_other_silent), initial=4)
    assert rising.grown(600, 660)


def test_after_an_outage_nothing_is_released_before_all_pods_have_told_for_a_while() -> None:
    watched = Watched()
    run(FALLING, 1500, watched, during(590, 900, silent), initial=6)
    assert watched.released(590, 900 + 2 * 60) == 0
    assert watched.released(900, 1500)


def test_counters_that_jump_raise_no_alarm() -> None:
    def jumping(page: Page) -> Page:
        members = json.loads(page.text or "{}")
        for name in ("timeToFirstToken", "timePerOutputToken", "requestTimePerOutputToken"):
            members[name] = dict.fromkeys(("sum", "count"), 1000000000.0)
        return Page(page.pod, json.dumps(members | {"promptTokens": 1e12}))

    watched = Watched()
    run(lambda _: 9.0, 900, watched, during(600, 605, jumping))
    assert watched.grown(600, 900) == 0


@pytest.mark.proves("R60")
def test_a_restarted_operator_starts_from_the_size_it_finds_and_releases_later() -> None:
    watched = Watched(restart_at=700.0)
    run(FALLING, 1500, watched, initial=6)
    first = next(decision for now, _, decision in watched.decisions if now == 700.0)
    size = next(size for now, size, _ in watched.decisions if now == 700.0)
    assert (first.replicas, first.why) == (size, Why.STEADY)
    assert watched.released(700, 700 + 240) == 0


def test_replicas_that_do_not_start_are_not_added_to() -> None:
    watched = Watched()
    run(lambda time: 9.0 + time / 60, 2400, watched, world=replace(WORLD, quota=3))
    stuck = [decision for _, decision in watched.between(1900, 2400)]
    assert len({each.replicas for each in stuck}) == 1
    assert "replicas do not start, more would not" in stuck[-1].message


def test_before_enough_was_seen_only_what_piles_up_adds_replicas() -> None:
    calm, overrun = Watched(), Watched()
    run(lambda _: 9.0, 60, calm)
    assert {decision.replicas for *_, decision in calm.decisions} == {3}
    assert "too little seen yet" in calm.decisions[3][2].message
    run(lambda _: 30.0, 60, overrun, initial=1)
    assert overrun.grown(0, 40)


@dataclass
class Turning(Watched):
    """A fleet that has grown again four times just before the load falls."""

    def size(self, pages: Sequence[Page], size: int, now: float) -> tuple[int, str]:
        if now == 600.0:
            keep = replace(self.memory.arrivals.keep, turns=(Turn(now, size),) * MOST_TURNS)
            self.memory = replace(self.memory, arrivals=replace(self.memory.arrivals, keep=keep))
        return super().size(pages, size, now)


def test_a_fleet_that_turned_too_often_stays_and_says_what_it_would_be() -> None:
    calm, turning = Watched(), Turning()
    run(FALLING, 1500, calm, initial=6)
    run(FALLING, 1500, turning, initial=6)
    assert (calm.released(600, 1500) > 0, turning.released(600, 1500)) == (True, 0)
    size, decision = turning.between(1400, 1500)[-1]
    assert (decision.why, decision.replicas) == (Why.FLAP_BUDGET, size)
    assert (decision.called_for or size) < size
