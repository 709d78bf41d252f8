"""The real HPA controller beside our re-implementation: series, adapter and the count of what is alike."""

import ssl
from pathlib import Path

import aiohttp
import pytest

from e2e.bench.autoscaling.rivals import MOST
from e2e.bench.rivals.adapter import PATH, Adapter
from e2e.bench.rivals.command import judged
from e2e.bench.rivals.scene import adapter as way
from e2e.bench.rivals.scene import autoscaled
from e2e.bench.rivals.series import LOOKS, SERIES, Look, agreement, decided, made
from e2e.cluster import certificates


def followed(values: tuple[int, ...]) -> list[Look]:
    """Looks of a rival that decides as our rule does."""
    looks, size = list[Look](), 1
    for number, value in enumerate(values):
        looks.append(Look(15.0 * number, value, size))
        size = decided(looks, 1.0)[-1]
    return looks


@pytest.mark.parametrize("name", SERIES)
def test_a_rival_that_follows_the_rule_is_alike_at_every_look(name: str) -> None:
    looks = followed(made(name))
    assert agreement(looks, 1.0) == (LOOKS - 1, LOOKS - 1)
    assert len({each.size for each in looks}) > 3
    assert all(1 <= each.size <= MOST for each in looks)


def test_a_rival_that_does_otherwise_is_counted() -> None:
    looks = followed(made("step"))
    looks[40] = Look(looks[40].time, looks[40].value, looks[40].size + 1)
    alike, count = agreement(looks, 1.0)
    assert count - 3 <= alike < count


def test_a_series_is_the_same_each_time() -> None:
    assert all(made(name) == made(name) and len(made(name)) == LOOKS for name in SERIES)


async def test_the_adapter_answers_each_question_with_the_next_value_and_notes_it(tmp_path: Path) -> None:
    certificates.create(tmp_path / "pki", "127.0.0.1:1")
    adapter = Adapter({"ramp-load": "ramp"})
    names = (tmp_path / "pki" / f"apiserver.{each}" for each in ("crt", "key"))
    runner, port = await adapter.serve(*map(str, names))
    trusted = ssl.create_default_context(cafile=str(tmp_path / "pki" / "ca.crt"))
    url = f"https://localhost:{port}{PATH}"
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusted)) as session:
        resources = await (await session.get(url)).json()
        answers = [await (await session.get(f"{url}/namespaces/default/ramp-load")).json() for _ in range(2)]
    await runner.cleanup()
    assert [each["name"] for each in resources["resources"]] == ["ramp-load"]
    assert [int(each["items"][0]["value"]) for each in answers] == list(made("ramp")[:2])
    assert [look.value for look in adapter.looks["ramp-load"]] == list(made("ramp")[:2])
    assert not adapter.is_done


def test_what_is_alike_is_judged_over_all_series() -> None:
    adapter = Adapter({f"{name}-load": name for name in SERIES})
    for name in SERIES:
        adapter.looks[f"{name}-load"] = [Look(each.time / 7.5, each.value, each.size) for each in followed(made(name))]
    assert judged(adapter)[-1].measured == 100
    adapter.looks["ramp-load"] = [Look(float(number), 1.0, 40) for number in range(LOOKS)]
    assert judged(adapter)[-1].met is False


def test_the_hpa_has_the_defaults_but_for_shorter_times() -> None:
    deployment, hpa = autoscaled("ramp-load", 40)
    assert deployment["metadata"]["name"] == hpa["spec"]["scaleTargetRef"]["name"] == "ramp-load"
    assert hpa["spec"]["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 40
    service, registered = way(1234)
    assert service["spec"]["externalName"] == "localhost"
    assert registered["spec"]["service"]["port"] == 1234
