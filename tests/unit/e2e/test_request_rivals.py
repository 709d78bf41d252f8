"""The rules of rivals that see requests only, on series worked out by hand."""

from collections.abc import Iterable

import pytest

from e2e.bench.autoscaling.rivals import HPA, KEDA, AIBrix, Knative, KubeAI, RayServe, Rival
from e2e.bench.autoscaling.wva import WVA
from llmfleet.core.simulation.run import Page
from llmfleet_runtime.contract import LoadReport, Totals


def page(pod: int, running: float, waiting: float = 0.0, usage: float = 0.0) -> Page:
    report = LoadReport(
        started=1.0, in_flight=0, running=running, waiting=waiting, kv_cache_usage=usage, prompt_tokens=100,
        generation_tokens=50, time_to_first_token=Totals(sum=1, count=2, buckets=((1.0, 2.0),)),
        time_per_output_token=Totals(sum=1, count=20), request_time_per_output_token=Totals(sum=1, count=2),
    )  # fmt: skip
    return Page(str(pod), report.to_json())


def sizes(rival: Rival, loads: Iterable[float], start: int = 1, lag: int = 0, waiting: float = 0.0) -> list[int]:
    """Sizes under these requests in flight, look by look; replicas are ready ``lag`` looks after they were wanted."""
    size, found, ready = start, [], [start] * lag
    for number, load in enumerate(loads):
        ready.append(size)
        pods = max(1, min(ready.pop(0), size))
        pages = [page(pod, load / pods, waiting / pods) for pod in range(pods)]
        size, _ = rival.size(pages, size, number * rival.every_seconds)
        found.append(size)
    return found


def test_hpa_follows_the_sum_and_doubles_at_most() -> None:
    assert sizes(HPA(10), [200] * 5) == [5, 10, 20, 20, 20]


def test_hpa_tolerates_ten_percent() -> None:
    assert sizes(HPA(10), [21.9] * 30, start=2)[-1] == 2
    assert sizes(HPA(10), [23] * 30, start=2)[-1] == 3


def test_hpa_goes_down_to_the_highest_of_five_minutes() -> None:
    found = sizes(HPA(10), [100] * 3 + [10] * 25, start=10)
    assert (found[20], found[24]) == (10, 1)


def test_hpa_holds_while_a_pod_is_silent() -> None:
    rival = HPA(10)
    assert rival.size([page(0, 500), Page("1", None)], 2, 0.0)[0] == 2


def test_hpa_tolerates_ten_percent_to_the_point() -> None:
    assert sizes(HPA(10), [110], start=10) == [10]
    assert sizes(HPA(10), [110.1], start=10) == [12]


def test_hpa_takes_silence_for_no_recommendation() -> None:
    """What it recommended before five minutes of silence is forgotten; the sizes of the silence are none."""
    rival, seen = HPA(10), []
    for number in range(40):
        pages = [Page("0", None) if 5 <= number < 30 else page(0, 100 if number < 5 else 20)]
        seen.append(rival.size(pages, seen[-1] if seen else 10, number * 15.0)[0])
    assert (seen[29], seen[30]) == (10, 2)


def test_keda_sees_what_waits_at_each_look() -> None:
    rival = KEDA(5)
    found = [rival.size([page(0, 0, waiting)], 1, 15.0 * number)[0] for number, waiting in enumerate((5, 20, 5, 15))]
    assert found == [1, 4, 1, 3]


def test_keda_takes_silence_for_nothing_waiting() -> None:
    rival = KEDA(5)
    assert sizes(rival, [50] * 5, waiting=40)[-1] == 8
    for number in range(5, 40):
        size, _ = rival.size([Page("0", None)] * 8, 8, number * 15.0)
    assert size == 1


def test_knative_panics_at_twice_its_size_and_never_shrinks_in_panic() -> None:
    found = sizes(Knative(10), [10] * 60 + [50] * 10 + [10] * 40)
    assert found[59] == 1
    assert max(found[60:66]) == 5
    assert min(found[66:85]) == 5


@pytest.mark.parametrize(("start", "expected"), [(3, 3), (1, 1)])
def test_knative_with_several_pods_begins_in_panic_and_shrinks_a_minute_later(start: int, expected: int) -> None:
    found = sizes(Knative(30), [9] * 40, start=start)
    assert (set(found[:29]), found[-1]) == ({expected}, 1)


def test_knative_without_data_holds() -> None:
    assert Knative(10).size([Page("0", None)], 7, 0.0)[0] == 7


def test_kubeai_averages_ten_minutes_and_waits_for_three_lower_decisions() -> None:
    assert sizes(KubeAI(10), [100] * 60)[29] == 6
    found = sizes(KubeAI(10), [50] * 60 + [0] * 14, start=5)
    assert (found[59], found[-1]) == (5, 4)


def test_kubeai_skips_a_tick_in_which_a_pod_is_silent() -> None:
    assert KubeAI(10).size([page(0, 500), Page("1", None)], 2, 0.0)[0] == 2


def test_aibrix_counts_pods_that_have_not_started_as_working() -> None:
    """Load for four; the replicas come after a minute, and until then the mean of the ready ones does not fall."""
    assert max(sizes(AIBrix(10), [40] * 12, lag=6)) > 30


def test_aibrix_shrinks_to_the_lowest_of_five_minutes_where_the_mended_one_takes_the_highest() -> None:
    loads = [10] * 20 + [80] * 20 + [15] * 22
    assert min(sizes(AIBrix(10), loads)[41:]) < min(sizes(AIBrix(10, is_mended=True), loads)[41:])


def test_ray_serve_goes_up_after_half_a_minute_and_down_after_ten() -> None:
    found = sizes(RayServe(10), [50] * 120 + [10] * 700)
    assert (found[29], found[60]) == (1, 5)
    assert (found[600], found[-1]) == (5, 1)


@pytest.mark.parametrize(
    ("pods", "size", "expected"),
    [
        ([(0.1, 0), (0.1, 0)], 2, 1),
        ([(0.75, 0), (0.75, 0)], 2, 3),
        ([(0.2, 4), (0.2, 4)], 2, 3),
        ([(0.4, 0), (0.4, 0)], 2, 2),
        ([(0.9, 0), (0.9, 9)], 2, 3),
        ([(0.1, 0), (0.1, 0)], 3, 3),
        ([(0.1, 0)], 1, 1),
    ],
)
def test_wva_moves_by_one_and_only_while_nothing_starts(pods: list, size: int, expected: int) -> None:
    pages = [page(number, 3, queue, usage) for number, (usage, queue) in enumerate(pods)]
    assert WVA(0.8).size(pages, size, 0.0)[0] == expected


def test_mended_keda_holds_in_silence() -> None:
    rival = KEDA(5, is_mended=True)
    assert sizes(rival, [50] * 5, waiting=40)[-1] == 8
    found = [rival.size([Page("0", None)] * 8, 8, number * 15.0)[0] for number in range(5, 40)]
    assert found == [8] * 35
