"""What the launcher asks of the downloading process, and the lines that it answers."""

from typing import Literal

from llmfleet_runtime.document import Document
from llmfleet_runtime.source import ModelFiles


class Request(Document):
    """The one argument."""

    uri: str
    revision: str | None = None
    files: ModelFiles = ModelFiles()
    sha256: str | None = None
    """Of an archive on the web, 64 hex digits."""
    cache: str
    """The folder that downloads are kept in."""


class Progressed(Document):
    """A line while it works."""

    kind: Literal["Progressed"] = "Progressed"
    done: int
    total: int
    message: str = ""


class Fetched(Document):
    """The last line: the model is there."""

    kind: Literal["Fetched"] = "Fetched"
    path: str
    """What the engine is told to load: a folder, or a GGUF file."""
    commit: str
    """The hub's commit, the registry's or the archive's digest, or one over the object store's listing."""
    message: str = ""


class Failed(Document):
    """The last line: it is not."""

    kind: Literal["Failed"] = "Failed"
    reason: str
    """A ``DownloadReason``."""
    message: str
