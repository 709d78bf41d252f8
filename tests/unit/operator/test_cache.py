"""The watched objects in memory: never older, never lost, never a ghost."""

import pytest

from llmfleet.core.plan import Ref
from llmfleet.shell.cache import Cache
from llmfleet.shell.ports import Key
from tests.builders import Raw, children, deployment, merged, pod, revision

KEY = Key("team-a", "qwen")
OWN = deployment()
SERVICE = next(each for each in children(OWN) if each["kind"] == "Service")
KINDS = frozenset({"Service", "LLMDeployment", "Pod"})


def version(raw: Raw, number: int, **metadata: str) -> Raw:
    return merged(raw, {"metadata": {"resourceVersion": str(number), **metadata}})


def held(cache: Cache) -> list[str]:
    return [each["metadata"]["resourceVersion"] for each in cache.children(KEY)]


@pytest.fixture
def cache() -> Cache:
    filled = Cache()
    filled.put(version(SERVICE, 5))
    return filled


def test_objects_are_found_by_the_fleet_they_belong_to(cache: Cache) -> None:
    cache.put(OWN)
    cache.put(pod(revision(OWN)))
    assert (cache.owner(KEY), len(cache.children(KEY)), len(cache.pods(KEY))) == (OWN, 1, 1)
    assert cache.keys() == [KEY]


def test_a_stranger_is_not_kept() -> None:
    cache = Cache()
    assert cache.put(merged(SERVICE, {"metadata": {"labels": None}})) is None
    assert cache.children(KEY) == []


def test_children_without_an_owner_make_no_fleet(cache: Cache) -> None:
    assert (cache.owner(KEY), cache.keys()) == (None, [])


@pytest.mark.proves("R06", "F19")
@pytest.mark.parametrize(("number", "expected"), [(4, "5"), (5, "5"), (6, "6"), (10, "10")])
def test_an_older_version_never_replaces_a_newer_one(cache: Cache, number: int, expected: str) -> None:
    cache.put(version(SERVICE, number))
    assert held(cache) == [expected]


@pytest.mark.proves("R17", "S86")
def test_a_name_born_again_replaces_its_forerunner(cache: Cache) -> None:
    cache.put(version(SERVICE, 2, uid="another"))
    assert held(cache) == ["2"]


def test_the_answer_to_a_write_is_seen_before_the_watch_shows_it(cache: Cache) -> None:
    cache.put(version(SERVICE, 9))
    cache.put(version(SERVICE, 7))
    assert held(cache) == ["9"]


def test_the_late_end_of_a_forerunner_drops_nothing(cache: Cache) -> None:
    assert cache.drop(version(SERVICE, 9, uid="forerunner")) == KEY
    assert held(cache) == ["5"]


def test_what_is_gone_is_dropped(cache: Cache) -> None:
    assert cache.drop(SERVICE) == KEY
    assert (held(cache), cache.versions()) == ([], {})
    assert cache.drop(SERVICE) == KEY


def test_managed_fields_are_not_kept(cache: Cache) -> None:
    cache.put(merged(version(SERVICE, 6), {"metadata": {"managedFields": [{"manager": "m"}]}}))
    assert "managedFields" not in cache.children(KEY)[0]["metadata"]


def test_of_a_pods_spec_its_node_is_kept(cache: Cache) -> None:
    cache.put(merged(pod(revision(OWN)), {"spec": {"nodeName": "node-1", "containers": [{"name": "engine"}]}}))
    assert [raw["spec"] for raw in cache.pods(KEY)] == [{"nodeName": "node-1"}]


@pytest.mark.proves("R07")
def test_a_listing_drops_what_vanished(cache: Cache) -> None:
    assert cache.replace([], KINDS, cache.versions()) == {KEY}
    assert held(cache) == []


def test_a_listing_keeps_what_was_put_since_it_began(cache: Cache) -> None:
    before = cache.versions()
    cache.put(OWN)
    cache.put(version(SERVICE, 6))
    assert cache.replace([version(SERVICE, 5)], KINDS, before) == set()
    assert (held(cache), cache.owner(KEY)) == (["6"], OWN)


@pytest.mark.parametrize("number", [5, 6])
def test_a_listing_brings_nothing_back_that_went_since_it_began(cache: Cache, number: int) -> None:
    before = cache.versions()
    cache.drop(SERVICE)
    assert cache.replace([version(SERVICE, number)], KINDS, before) == set()
    assert held(cache) == []


def test_a_listing_touches_only_the_kinds_it_is_of(cache: Cache) -> None:
    assert cache.replace([], frozenset({"Pod"}), cache.versions()) == set()
    assert held(cache) == ["5"]


@pytest.mark.parametrize(("number", "expected"), [(5, set()), (6, {KEY})])
def test_a_listing_wakes_only_for_what_differs(cache: Cache, number: int, expected: set[Key]) -> None:
    assert cache.replace([version(SERVICE, number)], KINDS, cache.versions()) == expected


def test_objects_of_one_name_and_two_kinds_are_two() -> None:
    cache = Cache()
    for each in children(OWN, 2):
        cache.put(each)
    found = {Ref(each["kind"], each["metadata"]["name"]) for each in cache.children(KEY)}
    assert len(found) == len(children(OWN, 2))


def test_namespaces_are_kept_apart(cache: Cache) -> None:
    cache.put(version(SERVICE, 5, namespace="team-b", uid="b"))
    assert len(cache.children(KEY)) == len(cache.children(Key("team-b", "qwen"))) == 1
