"""``python -m llmfleet_runtime.inspection FOLDER``: prints the facts of a model, or of an adapter, as one document."""

import sys
from pathlib import Path

from llmfleet_runtime.facts import AdapterFacts, ModelFacts

from .adapter import adapter_facts
from .errors import BadModel
from .folder import files_of
from .model import model_facts

BAD_MODEL = 65
"""Exit code: the files are broken (EX_DATAERR); the reason is on standard error."""
UNREADABLE = 66
"""Exit code: the folder cannot be read (EX_NOINPUT)."""


def facts_of(folder: Path) -> ModelFacts | AdapterFacts:
    """Raises ``BadModel`` and ``OSError``."""
    files = files_of(folder)
    if files.adapter_config is not None and files.config is None:
        return adapter_facts(files.adapter_config, files.tensors or ())
    return model_facts(files)


def main(arguments: list[str]) -> int:
    """Print the document of the folder that the one argument names; returns the exit code."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m llmfleet_runtime.inspection FOLDER\n")
        return UNREADABLE
    try:
        document = facts_of(Path(arguments[0])).to_json()
    except BadModel as error:
        sys.stderr.write(f"{error}\n")
        return BAD_MODEL
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        return UNREADABLE
    sys.stdout.write(f"{document}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
