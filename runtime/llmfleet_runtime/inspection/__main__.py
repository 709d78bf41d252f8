"""``python -m llmfleet_runtime.inspection SOURCE``: prints the facts of a model, or of an adapter, as one document.

SOURCE is a folder, a GGUF file, or the address of a model that pods fetch.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from llmfleet_runtime.contract import TERMINATION_MESSAGE_BYTES, ModelFiles
from llmfleet_runtime.facts import AdapterFacts, ModelFacts
from llmfleet_runtime.findings import Findings, InspectionReason
from llmfleet_runtime.places import places
from llmfleet_runtime.source import SourceRefused
from llmfleet_runtime.sources.exchange import Request

from .adapter import adapter_facts
from .errors import BadModel, Packed
from .folder import files_of
from .model import model_facts
from .repository import fetch

BAD_MODEL = 65
"""Exit code: the files are broken (EX_DATAERR); the reason is on standard error."""
UNREADABLE = 66
"""Exit code: the files cannot be read (EX_NOINPUT)."""
_BROKEN = (InspectionReason.MODEL_INVALID, InspectionReason.UNSAFE_WEIGHTS)


def facts_of(folder: Path) -> ModelFacts | AdapterFacts:
    """Raises ``BadModel`` and ``OSError``."""
    files = files_of(folder)
    if files.adapter_config is not None and files.config is None:
        return adapter_facts(files.adapter_config, files.tensors or ())
    return model_facts(files)


def inspect(asked: argparse.Namespace) -> tuple[ModelFacts | AdapterFacts, str | None]:
    """Facts, and the commit of what was fetched. Raises ``BadModel``, ``SourceRefused`` and ``OSError``."""
    if "://" not in asked.source:
        return facts_of(Path(asked.source)), None
    sys.path.insert(0, str(places().clients_folder))
    with tempfile.TemporaryDirectory() as folder:
        wanted = Request(
            uri=asked.source, revision=asked.revision, files=asked.files, sha256=asked.sha256, cache=folder
        )
        model, commit = fetch(wanted)
        return facts_of(model), commit


def _reason(error: BadModel | SourceRefused | OSError) -> InspectionReason | None:
    """None: nothing is wrong with the model."""
    if isinstance(error, BadModel | SourceRefused):
        return InspectionReason(error.reason)
    if isinstance(error, Packed):
        return None
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
    parser.add_argument("source", metavar="SOURCE", help="a folder, a GGUF file or an address")
    parser.add_argument("--revision", help="commit, tag or branch on the hub")
    parser.add_argument("--files", type=ModelFiles.model_validate_json, default=ModelFiles(), metavar="JSON",
                        help='which files of an address: {"include": [PATTERN, …], "exclude": […]}')  # fmt: skip
    parser.add_argument("--sha256", help="of an archive on the web")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write facts or the reason to this file, too")
    asked = parser.parse_args(arguments)
    try:
        found, commit = inspect(asked)
    except (BadModel, SourceRefused, OSError) as error:
        reason, words = _reason(error), str(error)[:1000]
        sys.stderr.write(f"{words}\n")
        _report(Findings(reason=reason, message=words), asked.report)
        return BAD_MODEL if reason in _BROKEN else UNREADABLE
    if isinstance(found, ModelFacts):
        _report(Findings(facts=found, commit=commit), asked.report)
    sys.stdout.write(f"{found.to_json()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
