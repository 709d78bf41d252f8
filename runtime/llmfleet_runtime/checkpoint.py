"""Reads what a checkpoint says of its weights: two small files of a folder, or of a hub's repository."""

import contextlib
from collections.abc import Callable
from pathlib import Path

from .config import EngineConfig
from .engines.dialect import BadConfig
from .engines.table import engine
from .inspection.errors import BadModel
from .inspection.folder import files_of
from .inspection.model import model_facts
from .inspection.quantization import quantization
from .inspection.section import Section
from .precision import Precision, precision
from .sources.pick import gguf_models

MOST_BYTES = 64 * 2**20
"""Of a ``config.json``; lists of what is left unquantized make some of them long."""

Opened = Callable[[str], Path | None]
"""The path of one file of the checkpoint; None when it has no such file."""


def located(config: EngineConfig) -> EngineConfig:
    """With the file in the place of its folder, for an engine whose models are single files.

    Raises ``BadConfig`` unless there is exactly one, or one in parts.
    """
    if not engine(config.engine).is_one_file or config.model.endswith(".gguf"):
        return config
    folder = Path(config.model)
    found = gguf_models(str(path.relative_to(folder)) for path in folder.rglob("*.gguf"))
    if len(found) == 1:
        return config.model_copy(update={"model": str(folder / found[0])})
    holds = f"holds {', '.join(found)}: name one" if found else "holds no GGUF file, and this engine serves no other"
    raise BadConfig(f"{folder} {holds} (model.files.include, or the file's own path)")


def checkpoint(config: EngineConfig, token: str | None) -> Precision | None:
    """What the weights are; None when nobody asks and the files are not at hand.

    Raises ``BadConfig`` when it is asked and cannot be told, with the hub's own words where they are the reason.
    """
    if config.model.endswith(".gguf"):
        return _of_file(Path(config.model)) if engine(config.engine).is_one_file else Precision("gguf")
    folder = Path(config.model) if config.model.startswith("/") else None
    if config.quantization is not None and config.quantization.method != "Auto":
        return _read(_in(folder) if folder else _hub(config, token), config.model)
    with contextlib.suppress(BadConfig):  # what is wrong with it, the engine says
        return _read(_in(folder), config.model) if folder else None
    return None


def architecture(config: EngineConfig) -> str | None:
    """The name of a folder's architecture; None where it is not said."""
    folder = Path(config.model)
    if not folder.is_absolute():
        return None
    with contextlib.suppress(BadConfig):  # what is wrong with it, the engine says
        section = _section(_in(folder)("config.json"))
        names = section.texts("architectures") if section else ()
        return names[0] if names else None
    return None


def _of_file(path: Path) -> Precision:
    """By the type of most of its tensors, as its head has them."""
    try:
        return precision(model_facts(files_of(path)).quantization)
    except (OSError, BadModel):  # what is wrong with it, the engine says
        return Precision("gguf")


def _in(folder: Path) -> Opened:
    return lambda name: folder / name if (folder / name).is_file() else None


def _hub(config: EngineConfig, token: str | None) -> Opened:
    # The engine brings this library, and only who asks for a repository's precision pays for its import.
    from huggingface_hub import hf_hub_download, try_to_load_from_cache  # noqa: PLC0415 because of the line above
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError  # noqa: PLC0415 because of the same

    def opened(name: str) -> Path | None:
        # Of a file that is known not to exist, a hub that does not answer would be asked for half a minute.
        known = try_to_load_from_cache(config.model, name, revision=config.revision)
        if known is not None and not isinstance(known, str):
            return None
        try:
            return Path(hf_hub_download(config.model, name, revision=config.revision, token=token))
        except LocalEntryNotFoundError as error:
            raise BadConfig(f"{config.model}: {error}") from error
        except EntryNotFoundError:
            return None
        except Exception as error:  # whatever it is, it is told in the hub's own words
            raise BadConfig(f"{config.model}: {type(error).__name__}: {error}") from error

    return opened


def _read(opened: Opened, model: str) -> Precision:
    config = _section(opened("config.json"))
    if config is None:
        raise BadConfig(f"{model} does not appear to have a file named config.json; quantization cannot be told")
    separate = None
    if not config.part("quantization_config"):
        with contextlib.suppress(BadConfig):  # a cache without network cannot tell that there is none
            separate = _section(opened("hf_quant_config.json"))
    try:
        return precision(quantization(config, config.part("text_config") or config, separate))
    except BadModel as error:
        raise BadConfig(f"{model}: {error}") from error


def _section(path: Path | None) -> Section | None:
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            return Section.parse(path.name, file.read(MOST_BYTES))
    except (OSError, BadModel) as error:
        raise BadConfig(f"{path}: {error}") from error
