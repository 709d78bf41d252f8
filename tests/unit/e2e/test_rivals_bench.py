"""The real HPA controller and KEDA beside our re-implementations: series, feed, adapter, and what counts as alike."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from e2e.bench.autoscaling.rivals import MOST
from e2e.bench.rivals import hpa, keda
from e2e.bench.rivals.adapter import PATH, QUERY_PATH, serving
from e2e.bench.rivals.command import Rival, judged
from e2e.bench.rivals.feed import Feed
from e2e.bench.rivals.scene import registration
from e2e.bench.rivals.series import (
    LOOK_SECONDS,
    LOOKS,
    SERIES,
    TARGET,
    Agreement,
    Look,
    Trial,
    agreement,
    decided,
    made,
)
from e2e.cluster import certificates

TRIALS = {**{f"hpa-{name}": each for name, each in hpa.TRIALS.items()}, **keda.TRIALS}


def followed(trial: Trial) -> list[Look]:
    """Looks of a rival that decides as our rule does."""
    looks, size = list[Look](), 1
    for number, value in enumerate(made(trial.series)):
        looks.append(Look(LOOK_SECONDS * number, value, size))
        size = decided(trial, looks)[-1]
    return looks


@pytest.mark.parametrize("name", TRIALS)
def test_a_rival_that_follows_the_rule_is_alike_at_every_look(name: str) -> None:
    looks = followed(TRIALS[name])
    found = agreement(TRIALS[name], looks)
    assert (found.decisions, found.percent) == (LOOKS - 1, 100)
    assert found.changes == found.changes_alike > 3
    assert all(1 <= each.size <= MOST for each in looks)


@pytest.mark.parametrize("name", TRIALS)
def test_a_rival_that_stands_still_is_counted(name: str) -> None:
    looks = [Look(each.time, each.value, 2) for each in followed(TRIALS[name])]
    assert agreement(TRIALS[name], looks).percent < 90


def test_one_decision_that_is_not_ours_is_counted_and_the_rest_judged_from_there() -> None:
    trial = hpa.TRIALS["step"]
    looks = followed(trial)
    at = next(number for number, each in enumerate(looks) if each.size == MOST // 2 or each.size > 20)
    looks[at] = Look(looks[at].time, looks[at].value, looks[at].size - 1)
    found = agreement(trial, looks)
    assert LOOKS - 3 <= found.alike < found.decisions


def test_a_series_is_the_same_each_time_and_begins_with_a_number() -> None:
    for name in SERIES:
        assert made(name) == made(name)
        assert len(made(name)) == LOOKS
        assert made(name)[0] is not None
    assert None in made("silence")


@pytest.fixture
def clock() -> Iterator[list[float]]:
    return [100.0]


@pytest.fixture
def feed(clock: list[float]) -> Feed:
    return Feed({"ramp": Trial("ramp", hpa.HPA), "silence": Trial("silence", hpa.HPA)}, lambda: clock[0])


def test_until_it_begins_a_load_for_one_replica_is_told(feed: Feed) -> None:
    assert (feed.ask("ramp"), feed.is_heard) == (TARGET, False)
    assert (feed.ask("silence"), feed.is_heard) == (TARGET, True)
    assert not any(feed.looks.values())


def test_each_look_takes_the_next_value_and_is_noted_with_the_size(feed: Feed, clock: list[float]) -> None:
    feed.begin()
    told = []
    for size in (1, 2):
        feed.sizes["ramp"] = size
        told.append(feed.ask("ramp"))
        clock[0] += LOOK_SECONDS
    assert told == list(made("ramp")[:2])
    assert feed.looks["ramp"] == [Look(100.0, told[0], 1), Look(102.0, told[1], 2)]


def test_a_question_that_is_repeated_at_once_is_the_same_look(feed: Feed, clock: list[float]) -> None:
    feed.begin()
    first = feed.ask("ramp")
    clock[0] += 0.1
    assert feed.ask("ramp") == first
    assert len(feed.looks["ramp"]) == 1


def test_a_feed_is_done_when_every_series_was_told_to_its_end(feed: Feed, clock: list[float]) -> None:
    feed.begin()
    for _ in range(LOOKS):
        assert not feed.is_done
        for name in feed.looks:
            feed.ask(name)
        clock[0] += LOOK_SECONDS
    assert feed.is_done
    assert feed.ask("ramp") == made("ramp")[-1]


async def answered(folder: Path, feed: Feed, *paths: str) -> list:
    """What the adapter answers, over TLS that is good for localhost."""
    certificates.create(folder / "pki", "127.0.0.1:1")
    trusted = ssl.create_default_context(cafile=str(folder / "pki" / "ca.crt"))
    async with (
        serving(feed, folder / "pki" / "apiserver.crt", folder / "pki" / "apiserver.key") as port,
        aiohttp.ClientSession(f"https://localhost:{port}", connector=aiohttp.TCPConnector(ssl=trusted)) as session,
    ):
        return [
            await response.json() if response.status == 200 else response.status
            for response in [await session.get(path) for path in paths]
        ]


async def test_the_hpa_is_answered_with_a_list_of_values(tmp_path: Path, feed: Feed) -> None:
    feed.begin()
    metric = f"{PATH}/namespaces/default"
    resources, value, unknown = await answered(tmp_path, feed, PATH, f"{metric}/ramp", f"{metric}/other")
    assert [each["name"] for each in resources["resources"]] == ["ramp", "silence"]
    assert [each["value"] for each in value["items"]] == [str(made("ramp")[0])]
    assert unknown == 404


async def test_keda_is_answered_as_prometheus_does(tmp_path: Path, feed: Feed) -> None:
    feed.begin()
    (answer,) = await answered(tmp_path, feed, f"{QUERY_PATH}?query=ramp&time=now")
    assert (answer["status"], answer["data"]["resultType"]) == ("success", "vector")
    ((_, value),) = [each["value"] for each in answer["data"]["result"]]
    assert float(value) == made("ramp")[0]


async def test_silence_is_an_empty_list_an_empty_vector_or_no_number(
    tmp_path: Path, feed: Feed, clock: list[float]
) -> None:
    feed.begin()
    while None not in [each.value for each in feed.looks["silence"]]:
        feed.ask("silence")
        clock[0] += LOOK_SECONDS
    clock[0] -= LOOK_SECONDS  # the next question is of the same look
    path = f"{QUERY_PATH}?query=silence"
    empty, value = await answered(tmp_path, feed, path, f"{PATH}/namespaces/default/silence")
    assert value["items"] == empty["data"]["result"] == []
    feed.looks["silence"].insert(0, feed.looks["silence"][0])
    (none,) = await answered(tmp_path / "again", feed, path)
    assert none["data"]["result"][0]["value"][1] == "nan"


def test_what_is_alike_is_judged_over_all_series() -> None:
    rival = Rival("HPA", hpa.TRIALS, hpa.begin)
    looks = {name: followed(trial) for name, trial in hpa.TRIALS.items()}
    rows = judged(rival, looks)
    assert [row.met for row in rows] == [None] * len(SERIES) + [True]
    looks["ramp"] = [Look(each.time, each.value, 40) for each in looks["ramp"]]
    assert judged(rival, looks)[-1].met is False


def test_agreements_add_up() -> None:
    found = Agreement(100, 99, 10, 9) + Agreement(100, 100, 5, 5)
    assert found == Agreement(200, 199, 15, 14)
    assert found.percent == 99.5


def test_the_hpa_has_the_defaults_but_for_shorter_times() -> None:
    made, scaler = hpa.deployment("ramp"), hpa.autoscaler("ramp")
    assert made["metadata"]["name"] == scaler["spec"]["scaleTargetRef"]["name"] == "ramp"
    assert scaler["spec"]["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 40
    assert {each["periodSeconds"] for each in scaler["spec"]["behavior"]["scaleUp"]["policies"]} == {2}
    service, registered = registration(1234)
    assert service["spec"]["externalName"] == "localhost"
    assert registered["spec"]["service"]["port"] == 1234


@pytest.mark.parametrize(("name", "ignores"), [("silence", "true"), (keda.MENDED, "false")])
def test_keda_takes_silence_for_zero_unless_mended(name: str, ignores: str) -> None:
    spec = keda.scaled_object(name, 1234)["spec"]
    (trigger,) = spec["triggers"]
    assert trigger["metadata"]["ignoreNullValues"] == ignores
    assert (trigger["metadata"]["query"], spec["scaleTargetRef"]["name"]) == (name, name)
    assert spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"] == hpa.behavior()
    assert keda.TRIALS[name].rule(TARGET).is_mended is (ignores == "false")
