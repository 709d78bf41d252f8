"""Every engine by the name that users write; a further one is an entry here and a module beside."""

from collections.abc import Mapping

from .dialect import BadConfig, Dialect
from .llamacpp import LLAMACPP
from .vllm import VLLM

ENGINES: Mapping[str, Dialect] = {each.name: each for each in (VLLM, LLAMACPP)}
DEFAULT = VLLM.name
"""Where nobody says another."""


def engine(name: str | None) -> Dialect:
    """The engine of that name; None is the default. Raises ``BadConfig``."""
    found = ENGINES.get(name or DEFAULT)
    if found is None:
        raise BadConfig(f"engine: {name!r} is none of {', '.join(ENGINES)}")
    return found
