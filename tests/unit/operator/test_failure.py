"""The last failure and its remedy."""

import pytest

from llmfleet.api.conditions import MEANINGS, Reason
from llmfleet.api.status import Failure, Status
from llmfleet.core.failure import last_failure
from llmfleet.core.remedy import remedy
from llmfleet.core.trouble import of_preparing
from llmfleet.core.world import Observed
from tests.builders import (
    LATER,
    NOW,
    Modifier,
    children,
    crashed,
    deployment,
    look,
    pod,
    ready,
    revision,
    unschedulable,
    waiting,
    with_metadata,
    with_status,
)

ONE = deployment()
OF = revision(ONE)
BORN = "2026-11-21T11:59:20Z"
NO_SECRET = waiting("CreateContainerConfigError", 'secret "hf-token" not found')
MISSING = Failure(
    reason="SecretNotFound",
    time=BORN,
    message='secret "hf-token" not found',
    remedy="Create the Secret hf-token in this namespace.",
)
MEMBERS = MISSING.model_dump(by_alias=True)
STILL = [{"reason": "SecretNotFound", "count": 1}]


def seen(*modifiers: Modifier, of: str = OF, **status: object) -> Observed:
    raw = deployment(with_status(**status))
    return look(raw, children(ONE), [pod(of, with_metadata(creationTimestamp=BORN), *modifiers)])


@pytest.mark.proves("R43", "F42")
def test_a_failure_is_told_with_its_beginning_and_its_remedy() -> None:
    assert last_failure(seen(NO_SECRET), OF, NOW) == MISSING


@pytest.mark.parametrize(
    "modifier", [ready(), unschedulable("Insufficient nvidia.com/gpu"), unschedulable("Insufficient cpu")]
)
def test_without_a_failure_the_last_one_stays(modifier: Modifier) -> None:
    assert last_failure(seen(modifier), OF, NOW) is None
    assert last_failure(seen(modifier, lastFailure=MEMBERS), OF, NOW) == MISSING


def test_a_failure_of_another_revision_is_none_of_the_current_one() -> None:
    assert last_failure(seen(NO_SECRET, of="another"), OF, NOW) is None


def test_a_failure_that_goes_on_is_told_once() -> None:
    younger = with_metadata(creationTimestamp=NOW)
    assert last_failure(seen(younger, NO_SECRET, lastFailure=MEMBERS, problems=STILL), OF, LATER) == MISSING


def test_a_failure_that_comes_again_is_a_new_one() -> None:
    again = last_failure(seen(with_metadata(creationTimestamp=NOW), NO_SECRET, lastFailure=MEMBERS), OF, LATER)
    assert again == MISSING.model_copy(update={"time": NOW})


def test_other_words_for_the_same_reason_are_a_new_failure() -> None:
    other = waiting("CreateContainerConfigError", 'secret "other" not found')
    found = last_failure(seen(other, lastFailure=MEMBERS, problems=STILL), OF, LATER)
    assert found is not None
    assert (found.message, found.remedy) == ('secret "other" not found', "Create the Secret other in this namespace.")


def test_a_failure_without_a_time_begins_now_and_is_not_told_again() -> None:
    first = last_failure(seen(crashed("KeyError")), OF, NOW)
    assert first is not None
    assert first.time == NOW
    told = {"lastFailure": first.model_dump(by_alias=True), "problems": [{"reason": "CrashLoop", "count": 1}]}
    assert last_failure(seen(crashed("KeyError"), **told), OF, LATER) == first


def test_what_is_told_fits_the_schema() -> None:
    found = last_failure(seen(crashed("x" * 9000)), OF, NOW)
    assert found is not None
    assert Status.model_validate({"lastFailure": found.model_dump(by_alias=True)}).last_failure == found


@pytest.mark.proves("R43", "S14", "S18")
@pytest.mark.parametrize(
    ("reason", "words", "expected"),
    [
        (
            Reason.TENSOR_PARALLEL_MISMATCH,
            "ValueError: Total number of attention heads (14) must be divisible by tensor parallel size (4).",
            "The model has 14 attention heads, which can be split over 1, 2, 7, 14 GPUs.",
        ),
        (
            Reason.UNSUPPORTED_MODEL,
            "ValueError: WhisperForConditionalGeneration does not support LoRA yet.",
            "Remove spec.lora: the engine takes no adapters over this kind of model.",
        ),
        (
            Reason.OUT_OF_GPU_MEMORY,
            "(4.0 GiB). Based on the available memory, the estimated maximum model length is 30720. Try",
            "Set engine.maxModelLen to 30720 or less.",
        ),
        (
            Reason.BAD_ENGINE_CONFIG,
            (
                "User-specified max_model_len (131072) is greater than the derived max_model_len "
                "(max_position_embeddings=2048.0 or model_max_length=None in model's config.json)."
            ),
            "Set engine.maxModelLen to 2048 or less.",
        ),
        (Reason.DISK_FULL, "OSError: [Errno 28] No space left on device: '/psm_1a2b'", "Raise resources.sharedMemory."),
        (
            Reason.INSUFFICIENT_GPU,
            "0/3 nodes are available: 3 Insufficient cpu, 3 Insufficient nvidia.com/gpuu. no new claims to deallocate",
            (
                "Free one nvidia.com/gpuu, add a node that has one, or ask for another product. Where no node "
                "advertises it (kubectl describe nodes), correct accelerator.resourceName or accelerator.type. What "
                "runs goes on running."
            ),
        ),
        (
            Reason.SECRET_KEY_MISSING,
            "couldn't find key token in Secret team-a/hf-token",
            "Add the key token to the Secret hf-token.",
        ),
        (
            Reason.CONFIG_MAP_NOT_FOUND,
            'configmap "templates" not found',
            "Create the ConfigMap templates in this namespace.",
        ),
        (
            Reason.CONFIG_MAP_KEY_MISSING,
            "couldn't find key llama.jinja in ConfigMap team-a/templates",
            "Add the key llama.jinja to the ConfigMap templates.",
        ),
        (Reason.DISK_FULL, "OSError: [Errno 28] No space left on device", MEANINGS[Reason.DISK_FULL]),
        (Reason.CRASH_LOOP, "attention heads (14)", MEANINGS[Reason.CRASH_LOOP]),
    ],
)
def test_a_remedy_names_numbers_and_names_where_the_words_hold_them(reason: Reason, words: str, expected: str) -> None:
    assert remedy(reason, words) == expected


@pytest.mark.proves("S58")
@pytest.mark.parametrize(
    ("words", "needed"),
    [
        ("0/3 nodes: pod has unbound immediate PersistentVolumeClaims.", "Correct the storage class"),
        ("0/3 nodes: 3 node(s) didn't find available persistent volumes to bind.", "Correct the storage class"),
        ("0/3 nodes: 3 node(s) didn't match PersistentVolume's node affinity.", "ReadWriteMany (RWX)"),
        ("0/3 nodes: 3 node(s) had no available volume zone.", "ReadWriteMany (RWX)"),
        (
            "0/3 nodes: node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode.",
            "ReadWriteMany (RWX)",
        ),
        ('persistentvolumeclaim "models" not found', "create or mend it"),
    ],
)
def test_the_way_out_of_a_volume_is_told_by_what_keeps_it(words: str, needed: str) -> None:
    assert needed in remedy(Reason.VOLUME_UNAVAILABLE, words)


@pytest.mark.proves("S58")
def test_a_volume_that_another_node_holds_is_told_with_the_access_mode_that_is_needed() -> None:
    """The kubelet and the attach controller say it in Events only."""
    assert "ReadWriteMany (RWX)" in remedy(Reason.POD_NOT_PREPARED, of_preparing(BORN).message)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_remedy(reason: Reason) -> None:
    assert remedy(reason, "")
