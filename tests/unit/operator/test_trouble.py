"""The platform's words become a cause, and what may be on its way has its time."""

import pytest

from llmfleet.api.conditions import Reason
from llmfleet.core.trouble import (
    GRACE_SECONDS,
    Trouble,
    of_creation,
    of_disruption,
    of_preparing,
    of_scheduling,
    of_waiting,
)

BORN = "2026-11-21T12:00:00Z"
AT_ONCE = "2026-11-21T12:00:01Z"
IN_GRACE = "2026-11-21T12:00:59Z"
AFTER_GRACE = "2026-11-21T12:01:00Z"
LATER = "2026-11-21T12:10:00Z"

WAITING = [
    ("ErrImagePull", "no such tag", Reason.IMAGE_PULL_FAILED),
    ("ImagePullBackOff", 'Back-off pulling image "x": ErrImagePull: no such tag', Reason.IMAGE_PULL_FAILED),
    ("RegistryUnavailable", "image pull failed for x because the registry is unavailable", Reason.IMAGE_PULL_FAILED),
    ("CreateContainerConfigError", 'secret "hf-token" not found', Reason.SECRET_NOT_FOUND),
    ("CreateContainerConfigError", "couldn't find key token in Secret team-a/hf-token", Reason.SECRET_KEY_MISSING),
    ("CreateContainerConfigError", 'configmap "templates" not found', Reason.CONFIG_MAP_NOT_FOUND),
    ("CreateContainerConfigError", "couldn't find key a in ConfigMap team-a/templates", Reason.CONFIG_MAP_KEY_MISSING),
    ("CreateContainerConfigError", "container has runAsNonRoot and image will run as root", Reason.CONFIG_ERROR),
    ("CreateContainerError", "context deadline exceeded", Reason.CONTAINER_NOT_STARTED),
    ("RunContainerError", 'exec: "python3": executable file not found in $PATH', Reason.CONTAINER_NOT_STARTED),
]


@pytest.mark.proves("R43", "R52", "F32", "F42", "S57")
@pytest.mark.parametrize(("reason", "message", "expected"), WAITING)
def test_what_a_container_waits_for_may_be_on_its_way_for_a_minute(reason: str, message: str, expected: Reason) -> None:
    trouble = of_waiting({"reason": reason, "message": message}, BORN)
    assert trouble is not None
    assert (trouble.reason, trouble.message) == (expected, message)
    assert [trouble.stalls(now) for now in (AT_ONCE, IN_GRACE, AFTER_GRACE, LATER)] == [False, False, True, True]


@pytest.mark.parametrize("reason", ["InvalidImageName", "ErrImageNeverPull"])
def test_an_image_that_no_waiting_brings_stalls_at_once(reason: str) -> None:
    trouble = of_waiting({"reason": reason}, BORN)
    assert trouble is not None
    assert (trouble.reason, trouble.stalls(AT_ONCE)) == (Reason.IMAGE_PULL_FAILED, True)


@pytest.mark.parametrize("reason", ["", "ContainerCreating", "PodInitializing", "CrashLoopBackOff"])
def test_ordinary_waiting_is_no_trouble(reason: str) -> None:
    assert of_waiting({"reason": reason}, BORN) is None


@pytest.mark.parametrize(
    ("now", "left"),
    [(BORN, GRACE_SECONDS), (IN_GRACE, 1.0), (AFTER_GRACE, None), ("2026-11-21T11:59:00Z", GRACE_SECONDS)],
)
def test_the_grace_that_is_left(now: str, left: float | None) -> None:
    trouble = Trouble(Reason.SECRET_NOT_FOUND, "", is_terminal=True, since=BORN, grace_seconds=GRACE_SECONDS)
    assert trouble.changes_in(now) == left


@pytest.mark.parametrize(
    ("now", "shows", "left"), [(BORN, False, 120.0), (AFTER_GRACE, False, 60.0), (LATER, True, None)]
)
def test_a_node_has_two_minutes_to_prepare_a_pod_before_a_word_is_said(now: str, left: float | None, *, shows) -> None:
    trouble = of_preparing(BORN)
    assert (trouble.shows(now), trouble.stalls(now), trouble.changes_in(now)) == (shows, False, left)
    assert (trouble.reason, of_waiting({"reason": "ErrImagePull"}, BORN).shows(BORN)) == (Reason.POD_NOT_PREPARED, True)


def test_without_a_beginning_there_is_no_grace_and_a_passing_trouble_never_stalls() -> None:
    assert Trouble(Reason.CONFIG_ERROR, "", is_terminal=True, grace_seconds=GRACE_SECONDS).stalls(BORN)
    passing = Trouble(Reason.INSUFFICIENT_GPU, "", is_terminal=False, since=BORN, grace_seconds=GRACE_SECONDS)
    assert (passing.stalls(LATER), passing.changes_in(BORN)) == (False, None)


@pytest.mark.proves("R43", "F28", "S58")
@pytest.mark.parametrize(
    ("message", "reason", "stalls"),
    [
        ("0/3 nodes are available: 3 Insufficient nvidia.com/gpu.", Reason.INSUFFICIENT_GPU, False),
        ("0/3 nodes are available: 3 Insufficient cpu.", Reason.UNSCHEDULABLE, False),
        (
            '0/10 nodes are available: persistentvolumeclaim "models" not found. not found',
            Reason.VOLUME_UNAVAILABLE,
            True,
        ),
        ('persistentvolumeclaim "models" bound to non-existent persistentvolume "a"', Reason.VOLUME_UNAVAILABLE, True),
        ('persistentvolumeclaim "models" is being deleted', Reason.VOLUME_UNAVAILABLE, True),
        ("0/3 nodes: pod has unbound immediate PersistentVolumeClaims.", Reason.VOLUME_UNAVAILABLE, False),
        ("0/3 nodes: 3 node(s) didn't match PersistentVolume's node affinity", Reason.VOLUME_UNAVAILABLE, False),
        ("0/3 nodes: 3 node(s) didn't find available persistent volumes to bind", Reason.VOLUME_UNAVAILABLE, False),
        ("0/3 nodes: 3 node(s) had no available volume zone", Reason.VOLUME_UNAVAILABLE, False),
        (
            "0/3 nodes: node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode",
            Reason.VOLUME_UNAVAILABLE,
            False,
        ),
        ("", Reason.UNSCHEDULABLE, False),
    ],
)
def test_the_schedulers_words(message: str, reason: Reason, *, stalls: bool) -> None:
    trouble = of_scheduling(message, BORN)
    assert (trouble.reason, trouble.stalls(LATER), trouble.stalls(AT_ONCE)) == (reason, stalls, False)


@pytest.mark.proves("R43", "F27", "S82")
@pytest.mark.parametrize(
    ("message", "reason", "stalls"),
    [
        ('pods "a" is forbidden: exceeded quota: gpus, requested: x=1', Reason.QUOTA_EXCEEDED, False),
        ('pods "a" is forbidden: failed quota: gpus: must specify limits.memory', Reason.QUOTA_EXCEEDED, False),
        ('pods "a" is forbidden: status unknown for quota: gpus, resources: x', Reason.QUOTA_EXCEEDED, False),
        ('pods "a" is forbidden: violates PodSecurity "restricted:latest": x', Reason.POD_SECURITY_VIOLATION, True),
        ('failed calling webhook "a.b": connection refused', Reason.ADMISSION_UNREACHABLE, False),
        ('admission webhook "a.b" denied the request: no', Reason.ADMISSION_DENIED, True),
        ("ValidatingAdmissionPolicy 'a' with binding 'b' denied request: no", Reason.ADMISSION_DENIED, True),
        ('pods "a" is forbidden: no PriorityClass with name x was found', Reason.ADMISSION_DENIED, True),
        ('pods "a" is forbidden: error looking up service account a/b: x not found', Reason.ADMISSION_DENIED, True),
        (
            'pods "a" is forbidden: maximum memory usage per Container is 1Gi, but limit is 2Gi',
            Reason.ADMISSION_DENIED,
            True,
        ),
        ("something else", Reason.POD_CREATION_FAILED, True),
    ],
)
def test_why_no_pod_can_be_made(message: str, reason: Reason, *, stalls: bool) -> None:
    trouble = of_creation({"message": message, "lastTransitionTime": BORN})
    assert (trouble.reason, trouble.stalls(LATER), trouble.stalls(AT_ONCE)) == (reason, stalls, False)


@pytest.mark.proves("R64", "F29", "F30")
@pytest.mark.parametrize(
    ("status", "target", "reason"),
    [
        ({}, ("PreemptionByScheduler", "preempting to accommodate a higher priority pod"), Reason.PREEMPTED),
        (
            {"reason": "Preempting", "message": "Preempted in order to admit critical pod"},
            ("TerminationByKubelet", "Pod was preempted by Kubelet to accommodate a critical pod."),
            Reason.PREEMPTED,
        ),
        ({}, ("EvictionByEvictionAPI", "Eviction API: evicting"), Reason.EVICTED),
        ({}, ("DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint"), Reason.NODE_LOST),
        ({}, ("DeletionByPodGC", "PodGC: node no longer exists"), Reason.NODE_LOST),
        ({}, ("DeletionByDeviceTaintManager", "Device Taint manager: deleting due to"), Reason.EVICTED),
        ({"reason": "NodeLost", "message": "Node a which was running pod b is unresponsive"}, None, Reason.NODE_LOST),
        (
            {"reason": "Terminated", "message": "Pod was terminated in response to imminent node shutdown."},
            ("TerminationByKubelet", "Pod was terminated in response to imminent node shutdown."),
            Reason.NODE_LOST,
        ),
        ({"reason": "Evicted", "message": "The node was low on resource: memory. "}, None, Reason.EVICTED),
        (
            {"reason": "Evicted", "message": 'Usage of EmptyDir volume "cache" exceeds the limit "1Gi". '},
            None,
            Reason.DISK_FULL,
        ),
        (
            {"reason": "Evicted", "message": 'Container engine exceeded its local ephemeral storage limit "1Gi". '},
            None,
            Reason.DISK_FULL,
        ),
        (
            {
                "reason": "Evicted",
                "message": "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. ",
            },
            None,
            Reason.DISK_FULL,
        ),
        (
            {"reason": "UnexpectedAdmissionError", "message": "Allocate failed due to no healthy devices"},
            None,
            Reason.EVICTED,
        ),
    ],
)
def test_why_a_pod_was_sent_away(status: dict, target: tuple[str, str] | None, reason: Reason) -> None:
    condition = (
        {"status": "True", "reason": target[0], "message": target[1], "lastTransitionTime": BORN} if target else {}
    )
    trouble = of_disruption(status, condition)
    assert trouble is not None
    assert (trouble.reason, trouble.is_terminal) == (reason, False)
    assert trouble.since == (BORN if target else "")
    assert trouble.message == (status.get("message") or target[1]).strip()


@pytest.mark.parametrize("target", [{}, {"status": "False", "reason": "PreemptionByScheduler", "message": ""}])
def test_a_pod_that_just_leaves_was_not_sent_away(target: dict) -> None:
    assert of_disruption({}, target) is None
