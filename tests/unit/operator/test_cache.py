"""The watched objects in memory: never older, never lost, never a ghost."""

import pytest

from llmfleet.core.foreign import Scaler
from llmfleet.core.plan import Ref
from llmfleet.shell.cache import Cache
from llmfleet.shell.listing import Listing
from llmfleet.shell.ports import Key
from tests.builders import Modifier, Raw, children, deployment, merged, pod, ready, revision, with_metadata, with_status
from tests.unit.operator.inspected import job

KEY = Key("team-a", "qwen")
OWN = deployment()
SERVICE = next(each for each in children(OWN) if each["kind"] == "Service")
KINDS = frozenset({"Service", "LLMDeployment", "Pod"})


def version(raw: Raw, number: int, **metadata: str) -> Raw:
    return merged(raw, {"metadata": {"resourceVersion": str(number), **metadata}})


def edited(number: int) -> Raw:
    """The Service as somebody changed it by hand."""
    return merged(version(SERVICE, number), {"metadata": {"annotations": {"by": "hand"}}})


def held(cache: Cache) -> list[str]:
    return [each["metadata"]["resourceVersion"] for each in cache.children(KEY)]


@pytest.fixture
def told() -> list[Key]:
    """The fleets that there was news of."""
    return []


@pytest.fixture
def cache(told: list[Key]) -> Cache:
    filled = Cache(lambda key, _: told.append(key))
    filled.put(version(SERVICE, 5))
    return filled


def listed(cache: Cache, *objects: Raw, kinds: frozenset[str] = KINDS) -> None:
    listing = Listing(cache, kinds)
    for each in objects:
        listing.take(each)
    listing.end()


def test_objects_are_found_by_the_fleet_they_belong_to(cache: Cache) -> None:
    cache.put(OWN)
    cache.put(pod(revision(OWN)))
    assert (cache.owner(KEY), len(cache.children(KEY)), len(cache.pods(KEY))) == (OWN, 1, 1)
    assert cache.keys() == [KEY]


def test_a_stranger_is_not_kept() -> None:
    cache = Cache()
    cache.put(merged(SERVICE, {"metadata": {"labels": None}}))
    assert cache.identities(KINDS, None) == {}


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
    cache.drop(version(SERVICE, 9, uid="forerunner"))
    assert held(cache) == ["5"]


def test_what_is_gone_is_dropped(cache: Cache) -> None:
    cache.drop(SERVICE)
    assert (held(cache), cache.identities(KINDS, None)) == ([], {})
    cache.drop(SERVICE)


def test_managed_fields_are_not_kept(cache: Cache) -> None:
    cache.put(merged(version(SERVICE, 6), {"metadata": {"managedFields": [{"manager": "m"}]}}))
    assert "managedFields" not in cache.children(KEY)[0]["metadata"]


def test_of_a_pods_spec_its_node_is_kept(cache: Cache) -> None:
    cache.put(merged(pod(revision(OWN)), {"spec": {"nodeName": "node-1", "containers": [{"name": "engine"}]}}))
    assert [raw["spec"] for raw in cache.pods(KEY)] == [{"nodeName": "node-1"}]


@pytest.mark.proves("R07")
def test_a_listing_drops_what_vanished(cache: Cache) -> None:
    listed(cache)
    assert held(cache) == []


def test_a_listing_keeps_what_was_put_since_it_began(cache: Cache) -> None:
    listing = Listing(cache, KINDS)
    cache.put(OWN)
    cache.put(version(SERVICE, 6))
    listing.take(version(SERVICE, 5))
    listing.end()
    assert (held(cache), cache.owner(KEY)) == (["6"], OWN)


@pytest.mark.parametrize("number", [5, 6])
def test_a_listing_brings_nothing_back_that_went_since_it_began(cache: Cache, number: int) -> None:
    listing = Listing(cache, KINDS)
    cache.drop(SERVICE)
    listing.take(version(SERVICE, number))
    listing.end()
    assert held(cache) == []


def test_a_listing_leaves_what_was_born_again_since_it_began(cache: Cache) -> None:
    listing = Listing(cache, KINDS)
    cache.drop(SERVICE)
    cache.put(version(SERVICE, 7, uid="another"))
    listing.end()
    assert held(cache) == ["7"]


def test_a_listing_touches_only_the_kinds_and_the_namespace_it_is_of(cache: Cache) -> None:
    listed(cache, kinds=frozenset({"Pod"}))
    Listing(cache, KINDS, "team-b").end()
    assert held(cache) == ["5"]


SETTING = next(each for each in children(OWN) if each["kind"] == "Deployment")
BUDGET = next(each for each in children(OWN, 2) if each["kind"] == "PodDisruptionBudget")
JOB = job(OWN)
FAILED = {"type": "Failed", "status": "True", "reason": "DeadlineExceeded"}
POD = pod(revision(OWN), ready())
RUNS = {"type": "Available", "status": "False", "lastUpdateTime": "2026-11-21T12:00:00Z"}
FAILS = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"}


def marked(raw: Raw) -> None:
    raw["metadata"]["managedFields"] = [{"manager": "m"}]


@pytest.mark.parametrize(
    ("raw", "change", "is_news"),
    [
        pytest.param(OWN, marked, False, id="who owns which field"),
        pytest.param(OWN, with_metadata(generation=2), True, id="a spec that was edited"),
        pytest.param(OWN, with_status(desiredReplicas=2), True, id="a status of ours"),
        pytest.param(SETTING, with_status(replicas=3, conditions=[RUNS]), False, id="a Deployment's counters"),
        pytest.param(SETTING, with_status(conditions=[FAILS]), True, id="pods that cannot be made"),
        pytest.param(SETTING, lambda raw: raw["spec"].update(replicas=9), True, id="a size that somebody set"),
        pytest.param(BUDGET, with_status(currentHealthy=3), False, id="a budget's counters"),
        pytest.param(JOB, with_status(active=1, ready=1), False, id="a Job's counters"),
        pytest.param(JOB, with_status(conditions=[FAILED]), True, id="a Job that has failed"),
        pytest.param(POD, with_status(qosClass="Burstable", hostIP="10.0.0.1"), False, id="a pod's host"),
        pytest.param(POD, with_status(conditions=[]), True, id="a pod that is not ready"),
        pytest.param(POD, with_metadata(annotations={"a": "b"}), True, id="a pod's annotation"),
    ],
)
def test_only_what_somebody_reads_is_news(told: list[Key], raw: Raw, change: Modifier, is_news: bool) -> None:  # noqa: FBT001 because it is a table
    cache = Cache(lambda key, _: told.append(key))
    for each in (OWN, version(raw, 5)):
        cache.put(each)
    told.clear()
    changed = version(raw, 6)
    change(changed)
    cache.put(changed)
    assert told == ([KEY] if is_news else [])


def test_without_news_the_version_is_still_the_newest(cache: Cache) -> None:
    cache.put(version(SERVICE, 6))
    assert held(cache) == ["6"]


@pytest.mark.proves("R19")
def test_the_answer_to_a_write_is_news_and_its_echo_is_none(cache: Cache, told: list[Key]) -> None:
    cache.put(OWN)
    told.clear()
    for _ in ("answer", "echo"):
        cache.put(edited(6))
    assert told == [KEY]


def test_there_is_no_news_of_a_fleet_without_its_object_but_the_end_of_it(cache: Cache, told: list[Key]) -> None:
    cache.put(edited(6))
    assert told == []
    cache.put(OWN)
    cache.drop(OWN)
    assert told == [KEY, KEY]


@pytest.mark.parametrize(("found", "expected"), [([version(SERVICE, 6)], []), ([edited(6)], [KEY]), ([], [KEY])])
def test_a_listing_tells_only_what_differs(
    cache: Cache, told: list[Key], found: list[Raw], expected: list[Key]
) -> None:
    cache.put(OWN)
    told.clear()
    listed(cache, OWN, *found)
    assert told == expected


def test_objects_of_one_name_and_two_kinds_are_two() -> None:
    cache = Cache()
    for each in children(OWN, 2):
        cache.put(each)
    found = {Ref(each["kind"], each["metadata"]["name"]) for each in cache.children(KEY)}
    assert len(found) == len(children(OWN, 2))


def test_namespaces_are_kept_apart(cache: Cache) -> None:
    cache.put(version(SERVICE, 5, namespace="team-b", uid="b"))
    assert len(cache.children(KEY)) == len(cache.children(Key("team-b", "qwen"))) == 1


def test_an_edition_is_another_for_each_version_and_the_same_for_none(cache: Cache) -> None:
    seen = [cache.edition(KEY)]
    for change in (
        lambda: cache.put(OWN),
        lambda: cache.put(version(SERVICE, 6)),
        lambda: cache.put(edited(7)),
        lambda: cache.drop(version(SERVICE, 7)),
        lambda: cache.put_scalers({KEY: [Scaler("KEDA/a", Ref("Deployment", "qwen"))]}),
        lambda: cache.put_scalers({}),
    ):
        change()
        seen.append(cache.edition(KEY))
    assert len(set(seen)) == len(seen)
    cache.put(OWN)
    cache.put_scalers({})
    cache.drop(version(SERVICE, 9))
    assert cache.edition(KEY) == seen[-1]


def test_an_object_that_is_born_again_has_no_edition_of_its_forerunner(cache: Cache) -> None:
    cache.put(OWN)
    before = cache.edition(KEY)
    for each in (OWN, version(SERVICE, 5)):
        cache.drop(each)
    cache.put(OWN)
    assert cache.edition(KEY) > before
