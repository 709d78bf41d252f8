"""What this operator would make differently in a revision that an earlier one froze (ruling 2). Nothing is changed."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from llmfleet.api.v1alpha1 import LLMDeployment
from llmfleet.core.revision import revision_of
from llmfleet.core.template import Defaults, Frozen, allowing, freeze, resolving
from llmfleet_runtime.contract import EngineConfig

MOST_SHOWN = 5
MOST_CHARACTERS = 60
_LIVE = frozenset({"drainTimeoutSeconds"})
"""Members of the engine document that running pods take from the live document."""


def difference(frozen: Frozen, deployment: LLMDeployment, defaults: Defaults) -> str:
    """The differing members with old and new value; empty without any, and when the same operator froze it."""
    if frozen.made_by == defaults.made_by:
        return ""
    # What was learned since then, of starts and of the model, is no difference that an upgrade made.
    then = EngineConfig.model_validate_json(frozen.engine_json)
    patient = allowing(deployment, int(then.startup_timeout_seconds))
    known = resolving(patient, then.max_model_len, frozen.model.get("commit") or then.revision)
    fresh = freeze(known, revision_of(deployment), defaults, frozen.model)
    found = [*_differing(_document(frozen), _document(fresh))]
    more = f" and {len(found) - MOST_SHOWN} more" if len(found) > MOST_SHOWN else ""
    return "; ".join(found[:MOST_SHOWN]) + more


def _document(frozen: Frozen) -> dict[str, Any]:
    engine = {key: value for key, value in json.loads(frozen.engine_json).items() if key not in _LIVE}
    return {"pod": frozen.template, "engine": engine}


def _differing(old: Any, new: Any, where: str = "") -> Iterator[str]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted(old.keys() | new.keys()):
            yield from _differing(old.get(key), new.get(key), f"{where}.{key}" if where else key)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from _differing(before, after, f"{where}[{index}]")
    elif old != new:
        yield f"{where}: {_shown(old)} -> {_shown(new)}"


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= MOST_CHARACTERS else text[:MOST_CHARACTERS] + "…"
