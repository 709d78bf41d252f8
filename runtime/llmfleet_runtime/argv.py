"""Pure: what the engine is started with, from ``engine.json`` and the machine it runs on.

There is no shell anywhere: an argument or a value is one list element, so that no value can be taken for an option. A
string either reaches the engine byte for byte or is refused with ``BadConfig``. What each engine is told is in
``engines/``.
"""

import re

from .allowed import ENV_NAME_PATTERN, REFUSED_ENV_NAMES, REFUSED_ENV_PREFIXES
from .config import EngineConfig, NamedValue
from .engines.dialect import NOTHING, BadConfig, Dialect, Platform, Prepared, text
from .engines.table import engine

__all__ = ["NOTHING", "BadConfig", "Platform", "Prepared", "argv", "environment"]


def argv(
    config: EngineConfig, platform: Platform, memory_bytes: int | None, prepared: Prepared = NOTHING
) -> tuple[str, ...]:
    """The arguments after ``python3``. ``memory_bytes`` is the container's limit, None when it has none."""
    own = engine(config.engine)
    extra = {argument.name: _free(own, argument) for argument in config.args}
    if len(extra) < len(config.args):
        raise BadConfig("args: every name may stand once")
    flat = tuple(element for elements in extra.values() for element in elements)
    return own.argv(config, platform, memory_bytes, prepared, flat)


def environment(config: EngineConfig, platform: Platform) -> dict[str, str]:
    """Variables for the engine, to be laid over the launcher's own; the user's win over our tuning only."""
    wanted = {_env_name(variable): text(f"env {variable.name}", variable.value or "") for variable in config.env}
    if len(wanted) < len(config.env):
        raise BadConfig("env: every name may stand once")
    own = engine(config.engine)
    return {**own.tuning(config, platform), **wanted, **own.fixed(config, platform)}


def _free(own: Dialect, argument: NamedValue) -> tuple[str, ...]:
    name, value = argument.name, argument.value
    if name in own.switches:
        forms = {None: f"--{name}", "true": f"--{name}", "false": f"--no-{name}"}
        if value not in forms:
            raise BadConfig(f"args {name}: takes no value, or true or false, not {value!r}")
        return (forms[value],)
    if name not in own.values:
        raise BadConfig(f"args: {name!r} is not an engine argument that may be set here")
    if not value:
        raise BadConfig(f"args {name}: needs a value")
    checked = text(f"args {name}", value)
    return (f"--{name}={checked}",) if own.joins_values else (f"--{name}", checked)


def _env_name(variable: NamedValue) -> str:
    name = variable.name
    if not re.fullmatch(ENV_NAME_PATTERN, name):
        raise BadConfig(f"env: {name!r} is not a variable name")
    if name in REFUSED_ENV_NAMES or name.startswith(REFUSED_ENV_PREFIXES):
        raise BadConfig(f"env: {name} may not be set here")
    return name
