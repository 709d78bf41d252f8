"""Adapters over any history of edits and kills: no restart for them, and a status that ends with what pods serve."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.builders import deployment, revision, with_spec
from tests.property.operator.worlds import said, status
from tests.simulator import Simulator

NAMES = ("sql", "chat", "code")
SETS = st.lists(
    st.builds(
        lambda name, way: {"name": name, "uri": f"hf://team/{way}"}, st.sampled_from(NAMES), st.sampled_from("ab")
    ),
    unique_by=lambda each: each["name"],
)
FEW = settings(max_examples=15)


def world(*, broken: set[str]) -> Simulator:
    made = Simulator(deployment(with_spec(replicas=2, lora={"adapters": []})))
    made.broken = broken
    made.run()
    return made


def rest(made: Simulator) -> None:
    """Long enough for every pod to have been asked again."""
    for _ in range(20):
        made.operate()
        made.step()


@FEW
@given(st.lists(SETS, min_size=1, max_size=5), st.floats(0, 1), st.sets(st.sampled_from(NAMES), max_size=1))
def test_edits_of_adapters_reach_the_pods_that_run(edits: list, share: float, broken: set) -> None:
    made = world(broken=broken)
    pods, of = set(made.pods), revision(made.raw)
    for adapters in edits:
        made.edit(lora={"adapters": adapters})
        actions = made.plan().actions
        made.act(actions[: round(share * len(actions))])
        made.step()
    rest(made)
    wanted = {each["name"] for each in edits[-1]}
    assert (set(made.pods), revision(made.raw)) == (pods, of)
    found = status(made).adapters
    counted = (found.ready, found.loading, {each.name for each in found.failed}) if found else (0, 0, set())
    assert counted == (len(wanted - broken), 0, wanted & broken)
    assert said(made, "AdaptersReady")[0] == ("False" if wanted & broken else "True")
    assert said(made, "Ready") == ("True", "AllReplicasReady")


@FEW
@given(SETS)
def test_more_room_rolls_and_ends_with_all_served(adapters: list) -> None:
    made = world(broken=set())
    before = revision(made.raw)
    made.edit(lora={"maxRank": 64, "adapters": adapters})
    rest(made)
    rest(made)
    assert set(made.sizes()) == {revision(made.raw)} != {before}
    assert said(made, "AdaptersReady")[0] == "True"
