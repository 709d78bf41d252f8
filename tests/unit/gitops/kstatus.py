"""What Flux, kpt and cli-utils make of an object: kstatus' rules for kinds it does not know, in its order.

(kubernetes-sigs/cli-utils, pkg/kstatus/status: generic.go, then checkReadyCondition.)
"""

from tests.builders import Raw


def kstatus(raw: Raw) -> str:
    """Terminating, InProgress, Failed or Current."""
    metadata, status = raw["metadata"], raw.get("status", {})
    if metadata.get("deletionTimestamp"):
        return "Terminating"
    if "observedGeneration" in status and status["observedGeneration"] != metadata["generation"]:
        return "InProgress"
    conditions = status.get("conditions", ())
    for each in conditions:  # the first that is true counts, in the order of the list
        if each["type"] in _ABNORMAL and each["status"] == "True":
            return _ABNORMAL[each["type"]]
    ready = next((each["status"] for each in conditions if each["type"] == "Ready"), "True")
    return "Current" if ready == "True" else "InProgress"


_ABNORMAL = {"Reconciling": "InProgress", "Stalled": "Failed"}
