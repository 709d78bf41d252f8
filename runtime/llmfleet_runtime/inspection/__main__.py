"""``python -m llmfleet_runtime.inspection SOURCE``: prints the facts of a model, or of an adapter, as one document.

SOURCE is a folder, a GGUF file, or ``hf://ORG/NAME``, of which a hub is asked.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from llmfleet_runtime.contract import HUB_TOKEN, TERMINATION_MESSAGE_BYTES
from llmfleet_runtime.facts import AdapterFacts, ModelFacts
from llmfleet_runtime.findings import Findings, InspectionReason

from .adapter import adapter_facts
from .errors import BadModel, Unreachable
from .folder import files_of
from .model import model_facts

BAD_MODEL = 65
"""Exit code: the files are broken (EX_DATAERR); the reason is on standard error."""
UNREADABLE = 66
"""Exit code: the files cannot be read (EX_NOINPUT)."""
HUB = "hf://"


def facts_of(folder: Path) -> ModelFacts | AdapterFacts:
    """Raises ``BadModel`` and ``OSError``."""
    files = files_of(folder)
    if files.adapter_config is not None and files.config is None:
        return adapter_facts(files.adapter_config, files.tensors or ())
    return model_facts(files)


def inspect(source: str, revision: str | None) -> tuple[ModelFacts | AdapterFacts, str | None]:
    """Facts, and the commit where a hub has them. Raises ``BadModel`` and ``OSError``."""
    if not source.startswith(HUB):
        return facts_of(Path(source)), None
    from .repository import fetch  # noqa: PLC0415 because the hub's client takes half a second, and folders need none

    token = os.environ.get(HUB_TOKEN, "").strip() or None
    with tempfile.TemporaryDirectory() as folder:
        commit = fetch(source.removeprefix(HUB), revision, token, Path(folder))
        return facts_of(Path(folder)), commit


def _reason(error: BadModel | OSError) -> InspectionReason:
    if isinstance(error, BadModel | Unreachable):
        return error.reason
    if isinstance(error, PermissionError):
        return InspectionReason.MODEL_ACCESS_DENIED
    return InspectionReason.MODEL_NOT_FOUND


def _report(findings: Findings, path: Path | None) -> None:
    """For whoever cannot read our output: at most so much as a termination message holds."""
    if path is None:
        return
    text = findings.to_json()
    if len(text.encode()) > TERMINATION_MESSAGE_BYTES and findings.facts:
        text = findings.model_copy(update={"facts": findings.facts.model_copy(update={"unknown": ()})}).to_json()
    path.write_text(text, encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Print the document of a source; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m llmfleet_runtime.inspection", description=__doc__)
    parser.add_argument("source", metavar="SOURCE", help="a folder, a GGUF file or hf://ORG/NAME")
    parser.add_argument("--revision", help="commit, tag or branch on the hub")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write facts or the reason to this file, too")
    asked = parser.parse_args(arguments)
    try:
        found, commit = inspect(asked.source, asked.revision)
    except (BadModel, OSError) as error:
        words = str(error)[:1000]
        sys.stderr.write(f"{words}\n")
        _report(Findings(reason=_reason(error), message=words), asked.report)
        return BAD_MODEL if isinstance(error, BadModel) else UNREADABLE
    if isinstance(found, ModelFacts):
        _report(Findings(facts=found, commit=commit), asked.report)
    sys.stdout.write(f"{found.to_json()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
