"""What the status says beside its conditions: counts, facts, revisions, problems."""

from llmfleet.api.status import RevisionRole, Status
from llmfleet.core import fleet
from llmfleet.core.plan import Outcomes
from llmfleet.core.status import derive
from llmfleet.core.world import Observed
from llmfleet.shell.telemetry import as_members
from tests import builders
from tests.builders import (
    DEFAULTS,
    NOW,
    UID,
    children,
    crashed,
    deployment,
    look,
    merged,
    pod,
    ready,
    report,
    revision,
    settled,
    starting,
    waiting,
    with_metadata,
    with_spec,
)

ONE = deployment(with_metadata(generation=4))
OLD = deployment(with_spec(engine={"maxModelLen": 512}))
NODE = "n" * 253
"""As long as a name may be."""


def status(observed: Observed) -> Status:
    return derive(observed, fleet.plan(observed, DEFAULTS, NOW), Outcomes(), NOW)


def rolling() -> Observed:
    made = [*children(OLD), builders.record(ONE, 2), builders.fleet(ONE, 1)]
    return look(ONE, made, [pod(revision(OLD), ready()), pod(revision(ONE), starting())])


def test_a_settled_fleet_is_counted() -> None:
    found = status(settled(deployment(with_spec(replicas=2)), 2))
    assert (found.replicas, found.ready_replicas, found.updated_replicas, found.desired_replicas) == (2, 2, 2, 2)
    assert found.ready_summary == "2/2"


def test_what_the_weights_are_is_a_fact_that_the_pods_tell() -> None:
    of = revision(ONE)
    told = {f"uid-qwen-{of}-0": report(quantization="awq, 4 bits")}
    resolved = status(look(ONE, children(ONE), [pod(of, ready())], told)).resolved
    assert resolved is not None
    assert resolved.quantization == "awq, 4 bits"


def test_leaving_pods_are_not_counted() -> None:
    observed = look(ONE, children(ONE), [pod(revision(ONE), ready(), builders.being_deleted())])
    assert (status(observed).replicas, status(observed).ready_replicas) == (0, 0)


def test_addresses_and_selector() -> None:
    found = status(settled(deployment(with_spec(service={"port": 80}))))
    assert found.endpoint == "http://qwen.team-a.svc:80/v1"
    assert found.selector == f"llmfleet.io/uid={UID}"


def test_the_served_generation_follows_only_when_fully_served() -> None:
    assert status(settled(ONE)).served_generation == 4
    behind = status(rolling())
    assert (behind.observed_generation, behind.served_generation) == (4, None)


def test_roles_of_revisions() -> None:
    assert [(each.name, each.role) for each in status(settled(ONE)).revisions] == [
        (revision(ONE), RevisionRole.CURRENT)
    ]
    assert [(each.name, each.role, each.ready) for each in status(rolling()).revisions] == [
        (revision(ONE), RevisionRole.CANDIDATE, 0),
        (revision(OLD), RevisionRole.PREVIOUS, 1),
    ]


def test_facts_come_from_the_record_the_kubelet_and_the_pod() -> None:
    one = pod(revision(ONE), ready())
    observed = look(
        ONE, children(ONE), [one], {one["metadata"]["uid"]: report(max_model_len=40_960, engine_version="0.32.0")}
    )
    found = status(observed).resolved
    assert found is not None
    assert (found.image, found.image_id, found.max_model_len, found.engine_version) == (
        "cuda:1", "registry.example/cuda@sha256:1", 40_960, "0.32.0"
    )  # fmt: skip


def test_a_fact_once_seen_stays_while_no_pod_tells_it() -> None:
    known = {"image": "cuda:1", "imageId": "sha256:1", "maxModelLen": 7}
    raw = {**ONE, "status": {"revision": revision(ONE), "resolved": known}}
    found = status(look(raw, children(ONE), [pod(revision(ONE), starting())])).resolved
    assert found is not None
    assert found.max_model_len == 7


def test_facts_of_another_revision_are_dropped() -> None:
    raw = {**ONE, "status": {"revision": revision(OLD), "resolved": {"maxModelLen": 7}}}
    found = status(look(raw, children(ONE), [pod(revision(ONE), starting())])).resolved
    assert found is not None
    assert found.max_model_len is None


def test_problems_are_grouped_counted_and_bounded() -> None:
    of = revision(ONE)
    pods = [
        merged(pod(of, crashed("CUDA out of memory " + "x" * 5000), name=f"a{index}"), {"spec": {"nodeName": NODE}})
        for index in range(3)
    ]
    pods += [pod(of, waiting("ErrImagePull", "gone"), name="b")]
    found = status(look(ONE, children(ONE, 4), pods)).problems
    assert [(each.reason, each.count, each.example_pod, each.node) for each in found] == [
        ("OutOfGPUMemory", 3, "a0", NODE),
        ("ImagePullFailed", 1, "b", None),
    ]
    assert max(len(each.message) for each in found) <= 1024


def test_an_invalid_spec_names_field_and_value() -> None:
    raw = deployment(with_spec(replicas=-1))
    found = status(look(raw, children(deployment()), [pod(revision(deployment()), ready())]))
    message = next(each.message for each in found.conditions if each.type == "Stalled")
    assert "spec.replicas" in message
    assert "-1" in message


def test_an_invalid_spec_in_a_rollout_does_not_count_both_revisions_as_wanted() -> None:
    raw = {**deployment(with_spec(replicas=-1)), "status": {"desiredReplicas": 1}}
    assert status(look(raw, [builders.fleet(OLD, 1), builders.fleet(ONE, 1)])).desired_replicas == 1


def test_written_members_read_back_as_the_same_status() -> None:
    found = status(rolling())
    assert Status.model_validate(as_members(found)) == found
