"""Rivals that know the engine, on an engine worked out by hand: a step of 10 ms, 1,000 prompt tokens a second."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

import llmfleet
from e2e.bench.autoscaling import sweep
from e2e.bench.autoscaling.dynamo import DynamoLoad, DynamoThroughput, Trend
from e2e.bench.autoscaling.modelled import Modelled, Sizes
from e2e.bench.autoscaling.sweep import best, closest, numbers
from e2e.bench.autoscaling.wva import Batch, WVAQueueing, WVATokens
from llmfleet.core.simulation.outcome import Promise
from llmfleet.core.simulation.profile import Profile
from llmfleet.core.simulation.run import Page
from llmfleet_runtime.contract import LoadReport, Totals
from tests.unit.e2e.test_autoscaling_bench import played

ENGINE = Profile(0.01, 0.0, 1e-6, 1000, 10_000, max_sequences=16, max_batched_tokens=512)
PROMISE = Promise(1.0, 0.05)
PROMPT, OUTPUT = 100, 50


@dataclass
class Pod:
    """A pod whose requests are all of the same size, and what it has counted."""

    usage: float = 0.1
    running: float = 2.0
    waiting: float = 0.0
    served: float = 0.0

    def page(self, number: int, rate: float, seconds: float) -> Page:
        self.served += rate * seconds
        tokens = self.served * (OUTPUT - 1)
        report = LoadReport(
            started=1.0, in_flight=0, running=self.running, waiting=self.waiting, kv_cache_usage=self.usage,
            prompt_tokens=self.served * PROMPT, generation_tokens=tokens,
            time_to_first_token=Totals(sum=self.served, count=self.served),
            time_per_output_token=Totals(sum=tokens * 0.02, count=tokens),
            request_time_per_output_token=Totals(sum=self.served * 0.02, count=self.served),
        )  # fmt: skip
        return Page(str(number), report)


def looked(rival: Modelled, pods: Sequence[Pod], rate: float, looks: int = 3, silent: int = 0) -> int:
    """The size after some looks at these pods, of which each takes so many requests a second."""
    size = len(pods) + silent
    found = size
    for look in range(looks):
        pages = [pod.page(number, rate, rival.every_seconds) for number, pod in enumerate(pods)]
        pages += [Page(f"silent-{number}", None) for number in range(silent)]
        found, _ = rival.size(pages, size, (look + 1) * rival.every_seconds)
    return found


def made(kind: type[Modelled], target: float = 1.0, **members: object) -> Modelled:
    return kind(target, profile=ENGINE, promise=PROMISE, **members)


@pytest.mark.parametrize(("usage", "size", "expected"), [(0.08, 4, 3), (0.15, 2, 2), (0.2, 2, 3), (0.4, 2, 5)])
def test_wva_by_tokens_goes_at_once_where_demand_is_85_percent_of_supply(
    usage: float, size: int, expected: int
) -> None:
    """An engine's share is sixteen sequences of 125 tokens, a fifth of its cache; one leaves where 70 % would do."""
    assert looked(made(WVATokens, 0.8), [Pod(usage=usage) for _ in range(size)], 1.0) == expected


def test_wva_by_tokens_takes_what_a_full_queue_held_for_the_capacity() -> None:
    rival = made(WVATokens, 0.8)
    looked(rival, [Pod(usage=0.5, waiting=9)], 1.0)
    assert rival.held[0][-1] == 5000


def test_wva_by_tokens_takes_silence_for_room_where_the_mended_one_holds() -> None:
    pods = [Pod(usage=0.1)]
    assert looked(made(WVATokens, 0.8), pods, 1.0, silent=3) < 4
    assert looked(made(WVATokens, 0.8, is_mended=True), [Pod(usage=0.1)], 1.0, silent=3) == 4


def test_wva_queueing_divides_arrivals_by_what_keeps_the_means() -> None:
    rival = made(WVAQueueing)
    assert isinstance(rival, WVAQueueing)
    most = rival.most(Sizes(PROMPT, OUTPUT))
    batch = Batch(0.01, 0.001, 1e-6, Sizes(PROMPT, OUTPUT))
    rates = [count / batch.seconds(count) for count in range(1, 17)]
    within, beyond = batch.latencies(0.98 * most, rates), batch.latencies(1.02 * most, rates)
    assert within[0] <= 1.0
    assert within[1] <= 0.05
    assert beyond[0] > 1.0 or beyond[1] > 0.05
    assert looked(rival, [Pod(), Pod()], most * 1.4) == 3


def test_a_smaller_share_of_the_promise_makes_wva_queueing_ask_for_more() -> None:
    sizes = Sizes(PROMPT, OUTPUT)
    careful, bold = made(WVAQueueing, 0.5), made(WVAQueueing, 1.0)
    assert isinstance(careful, WVAQueueing)
    assert isinstance(bold, WVAQueueing)
    assert careful.most(sizes) < bold.most(sizes)


def test_dynamo_by_throughput_divides_what_it_predicts_by_the_best_batch() -> None:
    """Batch 16: 32 prompt tokens and 2,000 cached ones a step, 10 + 32 + 2 ms; 16 / 50 / 0.044 is 7.27 a second."""
    rival = made(DynamoThroughput)
    assert isinstance(rival, DynamoThroughput)
    assert rival.most(Sizes(PROMPT, OUTPUT)) == pytest.approx(16 / OUTPUT / 0.044)
    assert looked(rival, [Pod(), Pod()], 7.0, looks=8) == 2
    assert looked(made(DynamoThroughput), [Pod(), Pod()], 9.0, looks=8) == 3


def test_dynamo_stores_silence_as_no_requests_where_the_mended_one_leaves_it_out() -> None:
    for is_mended, expected in ((False, 0.0), (True, 5.0)):
        rival = made(DynamoThroughput, is_mended=is_mended)
        assert isinstance(rival, DynamoThroughput)
        looked(rival, [Pod()], 5.0, looks=4)
        for look in range(5, 40):
            rival.size([Page("0", None)], 1, look * 180.0)
        assert rival.requests.level / 180 == pytest.approx(expected, abs=0.2)


def test_a_trend_is_followed_and_never_below_zero() -> None:
    trend = Trend()
    assert [trend.look(10.0 * step) for step in range(20)][-1] == pytest.approx(200, rel=0.05)
    assert [trend.look(0.0) for _ in range(60)][-1] >= 0


@pytest.mark.parametrize(
    ("pods", "expected"),
    [
        ([Pod(usage=0.1)] * 2, 1),
        ([Pod(waiting=20)] * 2, 3),
        ([Pod(waiting=20), Pod()], 2),
        ([Pod(usage=0.9, running=16)] * 2, 2),
        ([Pod(usage=0.1)], 1),
    ],
)
def test_dynamo_by_load_moves_by_one_when_all_engines_agree(pods: list[Pod], expected: int) -> None:
    """Twenty prompts of 100 tokens wait 2 s; a cache nine tenths full does not fit one engine fewer."""
    assert looked(made(DynamoLoad), [replace(each) for each in pods], 1.0) == expected


def test_dynamo_by_load_holds_while_a_pod_is_silent_or_starts() -> None:
    assert looked(made(DynamoLoad), [Pod(waiting=20)], 1.0, silent=1) == 2


SWEPT = numbers(
    [
        played("llmfleet", "C1", 0.97, 2.0),
        *(played(f"HPA {target}", "C1", share, cost) for target, share, cost in
          ((5, 0.99, 9.0), (8, 0.98, 6.0), (12, 0.9, 4.0), (20, 0.6, 1.0), (30, 0.7, 1.0))),
        played("HPA 8", "C1 without its fault", 0.1, 99.0),
    ]
)  # fmt: skip


def test_the_best_settings_are_the_cheapest_that_serve_well_then_those_that_come_closest() -> None:
    assert best(SWEPT, "HPA") == (5, 8, 12)
    few = {name: SWEPT[name] for name in ("HPA 12", "HPA 20", "HPA 30")}
    assert best(few | {"HPA 40": {"C1": (65.0, 0.5, 0)}}, "HPA") == (12, 30, 40)


def test_the_forms_of_one_case_count_as_one_when_settings_are_ranked() -> None:
    good_once = {"C1": (92.0, 1.0, 0.0), "C10a": (60.0, 9.0, 0.0), "C10b": (60.0, 9.0, 0.0)}
    good_in_both_forms = {"C1": (70.0, 1.0, 0.0), "C10a": (80.0, 9.0, 0.0), "C10b": (80.0, 9.0, 0.0)}
    found = {"HPA 5": good_once, **{f"HPA {target}": good_in_both_forms for target in (8, 12, 20)}}
    assert best(found, "HPA") == (5, 8, 12)


def test_a_sweep_is_kept_with_its_version_and_seeds(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(sweep, "RESULT", tmp_path / "sweep.json")
    sweep.save(SWEPT, [1, 2])
    kept = json.loads((tmp_path / "sweep.json").read_text())
    assert (kept["version"], kept["seeds"]) == (llmfleet.__version__, [1, 2])
    assert kept["policies"]["HPA 8"] == {"C1": [98.0, 6.0, 0.0]}


def test_the_closest_setting_is_the_cheapest_that_is_as_good() -> None:
    assert closest(SWEPT) == ("C1: ours 97.0 % at 2.00 GPU-h; HPA 8 98.0 % at 3.00 of it",)
    alone = {name: SWEPT[name] for name in ("llmfleet", "HPA 20")}
    assert closest(alone) == ("C1: ours 97.0 % at 2.00 GPU-h; nobody comes near, HPA 20 reaches 60.0 %",)
