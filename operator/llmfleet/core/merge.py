"""What a live object becomes when a file is applied to it."""

import json
from collections.abc import Mapping
from typing import Any

Raw = Mapping[str, Any]
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def with_file(file: Raw, live: Raw | None, uid: str) -> dict[str, Any]:
    """The whole object after the file was applied to it, with the members that the server would set."""
    if live is None:
        return {**file, "metadata": {**file["metadata"], "uid": uid, "generation": 1}}
    last = last_applied(live)
    spec = applied(last.get("spec"), file["spec"], live.get("spec", {})) if last else file["spec"]
    generation = live["metadata"].get("generation", 1) + (spec != live.get("spec"))
    metadata = {**live["metadata"], **file["metadata"], "uid": uid, "generation": generation}
    return {**live, "metadata": metadata, "spec": spec}


def last_applied(live: Raw) -> dict[str, Any]:
    """What client-side apply set the last time; empty when it never did."""
    try:
        found = json.loads((live["metadata"].get("annotations") or {}).get(LAST_APPLIED, "{}"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def applied(last: Any, new: Any, live: Any) -> Any:
    """The live value with the members of ``new`` set, and without those that ``last`` had and ``new`` lacks.

    This is the three-way merge of ``kubectl apply`` for custom resources: maps are merged, lists replaced
    (kubectl ``pkg/cmd/apply/patcher.go``, JSON merge patch).
    """
    if not isinstance(new, Mapping) or not isinstance(live, Mapping):
        return new
    before = last if isinstance(last, Mapping) else {}
    kept = {key: value for key, value in live.items() if key not in before or key in new}
    return kept | {key: applied(before.get(key), value, live.get(key)) for key, value in new.items()}
