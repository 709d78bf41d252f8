"""What a kubelet would tell of a pod, where kwok plays the pod or nobody does."""

import json
from collections.abc import Collection

from tests.builders import Raw
from tests.integration.operator.fleet import Fleet
from tests.integration.operator.operator_process import eventually


def engine(**members: object) -> Raw:
    usual = {"name": "engine", "image": "a", "imageID": "", "ready": False, "started": False, "restartCount": 0}
    return {**usual, **members}


RUNNING = engine(ready=True, started=True, state={"running": {}})


def waits(reason: str, message: str) -> Raw:
    return engine(state={"waiting": {"reason": reason, "message": message}})


def crashed(message: str, reason: str = "Error", code: int = 70) -> Raw:
    ended = {"exitCode": code, "reason": reason, "message": message}
    return engine(state={"waiting": {"reason": "CrashLoopBackOff"}}, lastState={"terminated": ended}, restartCount=3)


def play(fleet: Fleet, container: Raw, besides: Collection[str] = ()) -> None:
    """Let the kubelet of the only pod tell this, once a node has it; pods whose UIDs are in ``besides`` aside."""
    [pod] = eventually(lambda: _placed(fleet, besides), lambda found: len(found) == 1)
    ready = "True" if container["ready"] else "False"
    conditions = [{"type": kind, "status": ready} for kind in ("Ready", "ContainersReady")]
    told = json.dumps({"status": {"containerStatuses": [container], "conditions": conditions}})
    fleet.kubectl("patch", "pod", pod, "--subresource=status", "--type=strategic", "-p", told)


def _placed(fleet: Fleet, besides: Collection[str]) -> list[str]:
    pods = [pod for pod in fleet.serving() if pod["spec"].get("nodeName")]
    return [pod["metadata"]["name"] for pod in pods if pod["metadata"]["uid"] not in besides]


def end(fleet: Fleet, besides: Collection[str]) -> None:
    """Let kubelets confirm that the other pods have ended, once they are told to."""
    others = eventually(
        lambda: [pod["metadata"] for pod in fleet.serving() if pod["metadata"]["uid"] not in besides],
        lambda found: all("deletionTimestamp" in each for each in found),
    )
    for each in others:
        fleet.kubectl("delete", "pod", each["name"], "--force", "--grace-period=0", "--ignore-not-found")
