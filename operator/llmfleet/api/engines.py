"""What of the spec an engine cannot carry out, refused before anything starts; the data is the engine's own."""

from pydantic.config import JsonDict

from llmfleet.api.fields import rule
from llmfleet_runtime.contract import DEFAULT_ENGINE, ENGINES


def _has(path: str) -> str:
    """CEL for a member that is there, with all that it is in."""
    parts = path.split(".")
    return " && ".join(f"has(self.{'.'.join(parts[:count])})" for count in range(1, len(parts) + 1))


def _refusal(engine: str, path: str, why: str) -> JsonDict:
    return rule(
        f"!({_has('engine.type')} && self.engine.type == '{engine}') || !({_has(path)})",
        f"{path} does not go with engine.type {engine}: {why}; remove it, or use {DEFAULT_ENGINE}",
    )


SPEC_RULES = tuple(
    _refusal(engine.name, path, why) for engine in ENGINES.values() for path, why in engine.refused.items()
)
