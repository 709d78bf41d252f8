"""Each pod's leaving is counted once, in whatever order its ends are heard, passes run and the operator restarts."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from llmfleet.api.status import Drain
from llmfleet.core.drains import KEPT, fold, removals
from llmfleet.shell.cache import Cache
from llmfleet.shell.listing import Listing
from llmfleet.shell.ports import Key
from tests.builders import UID, Raw, deployment, left, merged, pod, ready, with_metadata

KEY = Key("team-a", "qwen")
PODS = [f"pod-{number}" for number in range(12)]
ACTIONS = st.lists(
    st.tuples(st.sampled_from(["end", "evict", "vanish", "pass", "fail"]), st.sampled_from(PODS)), max_size=60
)


@dataclass
class Ledger:
    """An operator's cache and passes over pods that end in all ways."""

    cache: Cache = field(default_factory=Cache)
    recorded: tuple[Drain, ...] = ()
    counted: list[str] = field(default_factory=list)
    clock: int = 0
    there: dict[str, Raw] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)

    def begin(self) -> None:
        self.cache.put(deployment())
        for name in PODS:
            self.there[name] = pod("a1", ready(), name=name)
            self.cache.put(self.there[name])

    def now(self) -> str:
        return f"2026-11-21T12:00:{self.clock:02d}Z"

    def act(self, action: str, name: str) -> None:
        self.clock = min(59, self.clock + 1)
        if action in ("pass", "fail"):
            self.look(fails=action == "fail")
        elif name in self.there:
            getattr(self, action)(name)

    def end(self, name: str) -> None:
        """Its end is seen, then that it is gone; the second may be heard twice."""
        last = pod("a1", left(at=self.now(), inFlightAtStart=1, finished=1, aborted=0, seconds=1.0), name=name)
        self.cache.put(merged(last, {"metadata": {"resourceVersion": "2"}}))
        del self.there[name]
        self.ended.add(name)
        for _ in range(2):
            self.cache.drop(last)

    def evict(self, name: str) -> None:
        """It has ended and its object stays."""
        last = pod("a1", left(at=self.now()), with_metadata(deletionTimestamp=None, resourceVersion="2"), name=name)
        self.cache.put(last)
        self.there[name] = last
        self.ended.add(name)

    def vanish(self, name: str) -> None:
        """It is missing from a listing."""
        del self.there[name]
        self.ended.add(name)
        listing = Listing(self.cache, frozenset({"Pod"}))
        for each in self.there.values():
            listing.take(each)
        listing.end()

    def look(self, *, fails: bool = False) -> None:
        """One pass; one that fails has recorded nothing."""
        departed = self.cache.departed(KEY)
        new = removals(UID, departed, self.recorded, self.now())
        if fails:
            return
        self.recorded = fold(self.recorded, new)
        self.counted += [each.drain.pod for each in new]
        self.cache.enter(KEY, departed)


@given(ACTIONS)
def test_each_removal_is_counted_exactly_once(actions: list[tuple[str, str]]) -> None:
    ledger = Ledger()
    ledger.begin()
    for action, name in actions:
        ledger.act(action, name)
    ledger.look()
    assert sorted(ledger.counted) == sorted(ledger.ended)


@given(ACTIONS)
def test_the_record_is_bounded_ordered_and_names_each_pod_once(actions: list[tuple[str, str]]) -> None:
    ledger = Ledger()
    ledger.begin()
    for action, name in actions:
        ledger.act(action, name)
        names = [each.pod for each in ledger.recorded]
        assert len(names) == len(set(names)) <= KEPT
        assert list(ledger.recorded) == sorted(ledger.recorded, key=lambda each: (each.time, each.pod))


@given(ACTIONS.filter(lambda actions: len({name for _, name in actions}) <= KEPT), ACTIONS)
def test_a_restart_counts_nothing_a_second_time(before: list[tuple[str, str]], after: list[tuple[str, str]]) -> None:
    """As far back as the record reaches: what it holds is all that a new process knows of the past."""
    ledger = Ledger()
    ledger.begin()
    for action, name in before:
        ledger.act(action, name)
    ledger.look()
    ledger.cache = Cache()
    ledger.cache.put(deployment())
    for raw in ledger.there.values():
        ledger.cache.put(raw)
    for action, name in after:
        ledger.act(action, name)
    ledger.look()
    assert len(ledger.counted) == len(set(ledger.counted))


@given(ACTIONS)
def test_nothing_is_kept_of_pods_that_are_entered_and_gone(actions: list[tuple[str, str]]) -> None:
    ledger = Ledger()
    ledger.begin()
    for action, name in actions:
        ledger.act(action, name)
    ledger.look()
    for name in list(ledger.there):
        ledger.vanish(name)
    ledger.look()
    assert ledger.cache.departed(KEY) == []
    assert vars(ledger.cache._departures) == {"_gone": {}, "_entered": set()}
