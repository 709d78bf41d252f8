"""Each scheme's store; its client is imported only here and only then, since each takes half a second."""

from llmfleet_runtime.source import DownloadReason, SourceRefused

from .exchange import Request
from .store import Store


def store_of(request: Request) -> Store:
    """Where the model is. Raises ``SourceRefused`` for an address that no client here can read."""
    uri, scheme = request.uri, request.uri.partition("://")[0]
    if scheme == "hf":
        from .hub import HubStore  # noqa: PLC0415 because of the module's docstring

        return HubStore(uri, request.revision)
    if scheme == "s3":
        from .s3 import S3Store  # noqa: PLC0415 because of the same

        return S3Store(uri)
    if scheme == "gs":
        from .gcs import GoogleStore  # noqa: PLC0415 because of the same

        return GoogleStore(uri)
    if scheme in ("http", "https") and request.sha256:
        from .web import WebStore  # noqa: PLC0415 because of the same

        return WebStore(uri, request.sha256)
    if scheme == "oci":
        from .registry import RegistryStore  # noqa: PLC0415 because of the same

        return RegistryStore(uri)
    raise SourceRefused(DownloadReason.NOT_FOUND, f"this runtime cannot open {uri}")
