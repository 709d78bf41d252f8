"""Watches that end are begun again, each namespace's by itself."""

import asyncio

import pytest

from llmfleet.shell import vigil
from llmfleet.shell.errors import Refused, Unavailable
from llmfleet.shell.vigil import Vigil

pytestmark = pytest.mark.looptime


class Kopf:
    """Ends at once with what it finds under a namespace, and stands where it finds nothing."""

    def __init__(self) -> None:
        self.ends: dict[str, list[Exception | None]] = {}
        self.begun: dict[str, list[float]] = {}
        self.missing: list[Exception] = []
        """What the server says to who asks for the kind, before it has it."""

    async def served(self, namespace: str | None) -> None:
        if self.missing:
            raise self.missing.pop(0)

    async def watch(self, seen: object, listed: object, namespace: str, silence: float, ready: asyncio.Event) -> None:
        self.begun.setdefault(namespace, []).append(asyncio.get_running_loop().time())
        if not (ends := self.ends.get(namespace)):
            ready.set()
            await asyncio.Event().wait()
        elif error := ends.pop(0):
            raise error


@pytest.fixture
def kopf(monkeypatch: pytest.MonkeyPatch) -> Kopf:
    made = Kopf()
    monkeypatch.setattr(vigil.watch, "watch", made.watch)
    return made


async def kept(kopf: Kopf, seconds: float, *namespaces: str) -> Vigil:
    """The watches after so long."""
    made, stop = Vigil(lambda *_: None, lambda _: None, 70.0, kopf.served), asyncio.Event()
    tasks = [asyncio.create_task(made.keep(each, stop)) for each in namespaces]
    await asyncio.sleep(seconds)
    assert not stop.is_set()
    for task in tasks:
        task.cancel()
    return made


@pytest.mark.proves("R11", "R25", "F12")
async def test_a_namespace_that_is_refused_is_asked_for_ever_less_often_and_delays_no_other(kopf: Kopf) -> None:
    kopf.ends["gone"] = [Refused("forbidden", 403)] * 9
    made = await kept(kopf, 100, "gone", "here")
    assert kopf.begun == {"gone": [0, 4, 12, 28, 58, 88], "here": [0]}
    assert made.broken == 0


@pytest.mark.proves("R22")
async def test_a_watch_that_ends_is_begun_again_soon_and_counted(kopf: Kopf) -> None:
    kopf.ends["here"] = [Unavailable("500"), RuntimeError("a defect"), Unavailable("500"), Unavailable("500")]
    assert (await kept(kopf, 5, "here")).broken == 3
    assert kopf.begun["here"] == [0, 2, 4]


async def test_a_watch_that_stands_is_whole_again(kopf: Kopf) -> None:
    kopf.ends["here"] = [Unavailable("500"), Unavailable("500")]
    assert (await kept(kopf, 5, "here")).broken == 0


@pytest.mark.proves("R16", "R52")
async def test_kopf_is_not_begun_before_the_crd_is_there(kopf: Kopf) -> None:
    """It would stand and watch nothing."""
    kopf.missing = [Refused("the server could not find the requested resource", 404), Unavailable("503")]
    made = await kept(kopf, 10, "here")
    assert (kopf.begun["here"], made.broken) == ([6], 0)


@pytest.mark.proves("R27")
async def test_a_signal_that_kopf_took_stops_the_operator(kopf: Kopf) -> None:
    kopf.ends["here"] = [None]
    stop = asyncio.Event()
    await Vigil(lambda *_: None, lambda _: None, 70.0, kopf.served).keep("here", stop)
    assert stop.is_set()


@pytest.mark.proves("R27")
async def test_signals_are_taken_back_once_kopf_stands_and_when_it_has_ended(
    kopf: Kopf, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[float] = []
    monkeypatch.setattr(vigil, "own_signals", lambda _: taken.append(asyncio.get_running_loop().time()))
    kopf.ends["here"] = [Unavailable("500")]
    await kept(kopf, 3, "here")
    assert taken == [0, 2]
