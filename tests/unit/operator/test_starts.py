"""starts.py: where the seconds of each pod's start went, once per pod, and percentiles over the last ten."""

from dataclasses import replace

import pytest

from llmfleet.api.status import Start, StartupPhases, StartupStatus
from llmfleet.core.fleet import plan
from llmfleet.core.manifests import controller_revision, frozen_of
from llmfleet.core.plan import Apply
from llmfleet.core.progress import overdue_in
from llmfleet.core.starts import KEPT, added, fold, patience
from llmfleet.core.template import allowing, freeze
from llmfleet.core.upgrade import difference
from llmfleet.core.world import Observed
from llmfleet_runtime.contract import StartupPhases as Told
from tests import builders
from tests.builders import (
    DEFAULTS,
    NOW,
    Modifier,
    Raw,
    crashed,
    deployment,
    look,
    merged,
    parsed,
    pod,
    ready,
    report,
    revision,
    together,
    unready,
    with_metadata,
    with_spec,
    with_status,
)
from tests.fakes import FakeOperator
from tests.simulator import Simulator

BORN, PLACED, RUNS = "2026-11-21T12:00:00Z", "2026-11-21T12:00:04Z", "2026-11-21T12:00:15Z"
OWN = deployment()
REVISION = revision(OWN)
TOLD = Told(download=20.4, load=30, warm_up=2.2)


def arrived(born: str = BORN, placed: str = PLACED, runs: str = RUNS) -> Modifier:
    """It was made, placed, and its container runs."""

    def modify(raw: Raw) -> None:
        conditions = [*raw["status"].get("conditions", ())]
        conditions.append({"type": "PodScheduled", "status": "True", "lastTransitionTime": placed})
        raw["status"]["conditions"] = conditions
        container = raw["status"]["containerStatuses"][0]
        raw["status"]["containerStatuses"] = [merged(container, {"state": {"running": {"startedAt": runs}}})]

    return together(ready(), with_metadata(creationTimestamp=born), modify)


def seen(*pods: Raw, told: Told | None = TOLD, past: StartupStatus | None = None) -> Observed:
    status = {"startup": past.model_dump(mode="json", by_alias=True)} if past else {}
    reports = {each["metadata"]["uid"]: report(startup=told) for each in pods}
    return look(deployment(with_status(**status)), (), pods, reports)


def folded(*pods: Raw, told: Told | None = TOLD, past: StartupStatus | None = None) -> StartupStatus | None:
    return fold(seen(*pods, told=told, past=past), REVISION)


def named(name: str, *modifiers: Modifier, of: str = REVISION) -> Raw:
    return pod(of, *(modifiers or (arrived(),)), name=name)


def start(name: str, seconds: int) -> Start:
    phases = StartupPhases(schedule=0, pull=0, download=0, load=seconds, warm_up=0)
    return Start(pod=name, seconds=seconds, phases=phases)


def standing(*seconds: int, of: str = REVISION) -> StartupStatus:
    recent = tuple(start(f"p{number}", each) for number, each in enumerate(seconds))
    return StartupStatus(revision=of, p50_seconds=1, p90_seconds=1, phases=recent[0].phases, recent=recent)


def test_a_start_is_split_into_what_kubernetes_and_the_pod_saw() -> None:
    found = folded(named("a"))
    assert found is not None
    phases = StartupPhases(schedule=4, pull=11, download=20, load=30, warm_up=2)
    assert found.recent == (Start(pod="a", seconds=68, phases=phases),)
    assert (found.revision, found.p50_seconds, found.p90_seconds, found.phases) == (REVISION, 68, 68, phases)


def test_a_start_is_entered_once() -> None:
    past = folded(named("a"))
    assert folded(named("a"), told=Told(download=0, load=1, warm_up=0), past=past) == past


UNKNOWN = {
    "not ready": (named("a", unready()), TOLD),
    "started again": (named("a", arrived(), crashed(restarts=1), builders._with_container(ready=True)), TOLD),
    "never placed as far as is told": (named("a", ready()), TOLD),
    "a runtime that does not tell": (named("a"), None),
    "a clock gone wild": (named("a"), Told(download=1e9, load=1, warm_up=0)),
    "another revision": (named("a", of="another"), TOLD),
}


@pytest.mark.parametrize(("raw", "told"), UNKNOWN.values(), ids=UNKNOWN)
def test_what_is_not_known_in_full_is_not_entered(raw: Raw, told: Told | None) -> None:
    assert folded(raw, told=told) is None


def test_a_clock_that_differs_makes_no_negative_phase() -> None:
    found = folded(named("a", arrived(born="2026-11-21T13:00:00Z")))
    assert found is not None
    assert found.phases.schedule == 0


@pytest.mark.parametrize(
    ("seconds", "p50", "p90"),
    [((10,), 10, 53), ((10, 20, 30), 20, 53), ((100,) * 8, 100, 100), (tuple(range(10, 91, 10)), 50, 80)],
)
def test_percentiles_are_over_all_on_record(seconds: tuple[int, ...], p50: int, p90: int) -> None:
    found = folded(named("x"), told=Told(download=0, load=38, warm_up=0), past=standing(*seconds))
    assert found is not None
    assert (len(found.recent), found.recent[-1].seconds) == (len(seconds) + 1, 53)
    assert (found.p50_seconds, found.p90_seconds) == (p50, p90)


def test_the_oldest_makes_room() -> None:
    found = folded(named("x"), past=standing(*range(KEPT)))
    assert found is not None
    assert [each.pod for each in found.recent] == [*(f"p{number}" for number in range(1, KEPT)), "x"]


def test_a_new_revisions_starts_replace_the_old_ones_and_until_then_those_stand() -> None:
    past = standing(10, 20, of="before")
    assert folded(named("a", of="before"), past=past) == past
    found = folded(named("a"), past=past)
    assert found is not None
    assert ([each.pod for each in found.recent], found.revision) == (["a"], REVISION)


def test_patience_is_thrice_the_slowest_start_of_a_container() -> None:
    assert (patience(None), patience(standing(10, 400, 20)), patience(standing(80_000))) == (0, 1200, 86_400)


SLOW = with_status(startup=standing(10, 900).model_dump(mode="json", by_alias=True))
SET = with_spec(lifecycle={"startupTimeoutSeconds": 60})


@pytest.mark.parametrize(
    ("modifiers", "seconds"),
    [((), 1200), ((SLOW,), 2700), ((SLOW, SET), 60)],
    ids=["nothing known", "slow starts on record", "said by the user"],
)
def test_a_new_revision_gets_the_time_that_starts_have_taken_unless_the_user_says(
    modifiers: tuple[Modifier, ...], seconds: int
) -> None:
    made = plan(look(deployment(*modifiers)), DEFAULTS, NOW)
    (fleet,) = [each.manifest for each in made.actions if isinstance(each, Apply) and each.ref.kind == "Deployment"]
    probe = fleet["spec"]["template"]["spec"]["containers"][0]["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] == seconds
    assert fleet["spec"]["progressDeadlineSeconds"] > seconds


def test_what_is_learned_later_touches_no_revision_and_is_no_upgrade() -> None:
    plain, slow = deployment(), deployment(SLOW)
    settled = builders.children(plain)
    assert plan(look(slow, settled), DEFAULTS, NOW).actions == plan(look(plain, settled), DEFAULTS, NOW).actions
    made = frozen_of(builders.record(slow))
    assert difference(replace(made, made_by="an older one"), parsed(slow), DEFAULTS) == ""


def test_a_revision_with_more_time_is_given_up_no_earlier() -> None:
    slow, since = deployment(SLOW), "2026-11-21T12:00:00Z"
    patient = freeze(allowing(parsed(slow), 2700), REVISION, DEFAULTS)
    record = builders.child(controller_revision(parsed(slow), REVISION, 1, patient))
    way = {"revision": REVISION, "path": "Surge", "reason": "FreeGPU", "done": 0, "of": 1}
    rolling = deployment(SLOW, with_status(rollout={**way, "since": since, "progressTime": since}))
    short, long = (overdue_in(look(rolling, made), parsed(rolling), REVISION, since) for made in ((), (record,)))
    assert short is not None
    assert long is not None
    assert long - short == 1500


def test_what_went_on_record_is_told_once() -> None:
    before, after = standing(10, 20), standing(10, 20, 30)
    assert [each.pod for each in added(before, after)] == ["p2"]
    assert [each.pod for each in added(None, before)] == ["p0", "p1"]
    assert added(after, after) == added(after, None) == ()


async def test_starts_that_pods_told_are_the_lead_time_also_after_a_restart_of_the_operator() -> None:
    targets = {"timeToFirstToken": {"milliseconds": 500}}
    autoscaling = {"minReplicas": 1, "maxReplicas": 4, "targets": targets}
    startup = with_status(startup=standing(45).model_dump(mode="json", by_alias=True))
    made = FakeOperator(Simulator(deployment(with_spec(autoscaling=autoscaling), startup)))
    await made.settle(12)
    await made.tick()
    (memory,) = made.autoscaler._memories.values()
    assert memory.arrivals.startup.seconds == 45
