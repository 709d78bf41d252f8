"""Last states of pods that ended: kept until they are entered, never without bounds."""

import pytest

from llmfleet.shell.cache import Cache
from llmfleet.shell.departures import MOST_GONE, Departures
from llmfleet.shell.listing import Listing
from llmfleet.shell.ports import Key
from tests.builders import Raw, children, deployment, left, pod, ready, with_metadata, with_status

KEY = Key("team-a", "qwen")
OWN = deployment()
EVICTED = with_status(phase="Failed", reason="Evicted")


def a(*modifiers, name: str = "a", version: int = 1) -> Raw:
    return pod("a1", *modifiers, with_metadata(resourceVersion=str(version)), name=name)


@pytest.fixture
def cache() -> Cache:
    filled = Cache()
    for each in (OWN, a(ready())):
        filled.put(each)
    return filled


def names(cache: Cache) -> list[str]:
    return [raw["metadata"]["name"] for raw in cache.departed(KEY)]


def test_a_pod_that_is_gone_is_given_out_with_its_last_state_until_it_is_entered(cache: Cache) -> None:
    cache.drop(a(left(seconds=1.0)))
    for _ in range(2):
        [found] = cache.departed(KEY)
        assert found["status"]["phase"] == "Succeeded"
    cache.enter(KEY, cache.departed(KEY))
    assert cache.departed(KEY) == []


def test_a_pod_that_runs_is_not_given_out(cache: Cache) -> None:
    assert cache.departed(KEY) == []


def test_a_pod_that_ended_and_stays_is_given_out_once(cache: Cache) -> None:
    cache.put(a(EVICTED, version=2))
    assert names(cache) == ["a"]
    cache.enter(KEY, cache.departed(KEY))
    assert names(cache) == []
    cache.drop(a(EVICTED, version=3))
    assert names(cache) == []


def test_the_end_that_a_listing_missed_is_replaced_by_the_one_the_watch_tells(cache: Cache) -> None:
    Listing(cache, frozenset({"Pod"})).end()
    assert names(cache) == ["a"]
    cache.drop(a(left(seconds=1.0), version=2))
    [found] = cache.departed(KEY)
    assert found["status"]["phase"] == "Succeeded"


def test_an_end_heard_after_it_was_entered_is_not_given_out(cache: Cache) -> None:
    cache.drop(a(left()))
    cache.enter(KEY, cache.departed(KEY))
    cache.drop(a(left(), version=2))
    assert cache.departed(KEY) == []


def test_a_pod_never_seen_alive_and_other_children_are_not_given_out(cache: Cache) -> None:
    service = next(each for each in children(OWN) if each["kind"] == "Service")
    cache.put(service)
    cache.drop(service)
    cache.drop(a(left(), name="stranger"))
    assert cache.departed(KEY) == []


def test_with_its_owner_gone_nothing_is_kept(cache: Cache) -> None:
    cache.put(a(ready(), name="b"))
    cache.drop(a(left()))
    cache.drop(OWN)
    assert cache.departed(KEY) == []
    cache.drop(a(left(), name="b"))
    assert cache.departed(KEY) == []


def test_what_leaves_between_two_passes_is_bounded() -> None:
    departures = Departures()
    for number in range(MOST_GONE + 10):
        departures.gone(KEY, a(name=f"p{number}"))
    kept = departures.pending(KEY, [])
    assert (len(kept), kept[-1]["metadata"]["name"]) == (MOST_GONE, f"p{MOST_GONE + 9}")
