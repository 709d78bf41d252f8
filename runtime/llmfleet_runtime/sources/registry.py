"""An artifact or a model image in an OCI registry, by oras-py; every blob is known by its sha256."""

import hashlib
import inspect
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import requests
from oras.defaults import annotation_title
from oras.provider import Registry

from llmfleet_runtime.contract import REGISTRY_LOGIN
from llmfleet_runtime.source import DownloadReason, SourceRefused

from .answer import good, pieces
from .store import File, Interrupted, Listing, Store

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
"""Registries that are spoken to without TLS, as container runtimes do."""
FILE_PATH = "org.cncf.model.filepath"
"""Annotation of a layer (CNCF model-spec)."""
UNPACK = "io.deis.oras.content.unpack"
"""Annotation of a folder that ORAS has packed."""
INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    *INDEXES,
)
IMAGE_FOLDER = "models/"
"""Where the model is in an image (KServe's modelcars)."""

_ask = inspect.unwrap(Registry.do_request)
"""Without oras-py's own attempts, which take two minutes and tell nobody."""

Layer = Mapping[str, Any]


class RegistryStore(Store):
    """The files of one manifest."""

    def __init__(self, uri: str) -> None:
        """``uri`` is oci://HOST/REPOSITORY with a tag, a digest or both."""
        reference = uri.removeprefix("oci://")
        _, is_pinned, digest = reference.partition("@")
        self.pinned: str | None = digest if is_pinned else None
        host = reference.partition("/")[0]
        self._uri = uri
        is_insecure = host.rpartition(":")[0] in LOOPBACK or host in LOOPBACK
        self._registry = Registry(host, insecure=is_insecure, auth_backend=_asked_for(host, is_insecure))
        self._container = self._registry.get_container(reference)
        _log_in(self._registry, self._container)

    def listing(self) -> Listing:
        """The manifest's layers; the commit is its digest."""
        manifest, digest = self._manifest(self._container.digest or self._container.tag)
        if manifest.get("mediaType") in INDEXES or "manifests" in manifest:
            manifest, _ = self._manifest(_of_this_kind(manifest["manifests"])["digest"])
        return Listing(digest, tuple(_file(layer) for layer in manifest.get("layers", ())))

    def stream(self, file: File, start: int, end: int) -> Iterator[bytes]:
        """See ``Store``."""
        url = f"{self._registry.prefix}://{self._container.get_blob_url(file.key)}"
        with self._get(url, {"Range": f"bytes={start}-{end - 1}"}) as answer:
            skipped = 0 if answer.status_code == requests.codes.partial_content else start
            yield from pieces(answer, self._uri, skipped)

    def _manifest(self, reference: str) -> tuple[dict[str, Any], str]:
        url = f"{self._registry.prefix}://{self._container.manifest_url(reference)}"
        try:
            with self._get(url, {"Accept": ", ".join(MANIFESTS)}) as answer:
                content = answer.content
            manifest: dict[str, Any] = json.loads(content)
        except (Interrupted, ValueError) as error:
            raise SourceRefused(DownloadReason.FAILED, str(error)) from error
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        if reference.startswith("sha256:") and reference != digest:
            raise SourceRefused(DownloadReason.FAILED, f"{self._uri}: the registry's manifest is {digest}")
        return manifest, digest

    def _get(self, url: str, headers: dict[str, str]) -> requests.Response:
        try:
            answer: requests.Response = _ask(self._registry, url, headers=headers, stream=True)
        except requests.RequestException as error:
            raise Interrupted(f"{self._uri}: {error}") from error
        except (ValueError, AttributeError) as error:  # oras-py has nothing to log in with
            words = f"{self._uri}: the registry asks for a log-in"
            raise SourceRefused(DownloadReason.ACCESS_DENIED, words) from error
        return good(answer, self._uri)


def _asked_for(host: str, is_insecure: bool) -> str:  # noqa: FBT001 because it goes with the host
    """How the registry wants to be logged in to: oras-py has to be told."""
    try:
        scheme = "http" if is_insecure else "https"
        answer = requests.get(f"{scheme}://{host}/v2/", timeout=10)
    except requests.RequestException:
        return "token"
    return "basic" if answer.headers.get("WWW-Authenticate", "").lower().startswith("basic") else "token"


def _log_in(registry: Registry, container: Any) -> None:
    """With the ``.dockerconfigjson`` of the user's Secret; without one, as nobody."""
    text = os.environ.get(REGISTRY_LOGIN)
    if not text:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.json"
        path.touch(0o600)
        path.write_text(text, encoding="utf-8")
        registry.auth.load_configs(container, configs=[str(path)])


def _of_this_kind(manifests: list[Layer]) -> Layer:
    """Weights are the same for every platform; images have them for one at least."""
    own = [each for each in manifests if each.get("platform", {}).get("architecture") in ("amd64", None)]
    return (own or manifests)[0]


def _file(layer: Layer) -> File:
    notes, kind, digest = layer.get("annotations") or {}, layer.get("mediaType", ""), layer["digest"]
    name = notes.get(FILE_PATH) or notes.get(annotation_title)
    is_packed = kind.endswith((".tar", ".tar+gzip", ".tar.gzip")) and (FILE_PATH in notes or not name)
    is_archive = is_packed or notes.get(UNPACK) == "true"
    return File(
        name=digest.replace(":", "-") if is_archive or not name else name,
        size=layer["size"],
        digest=digest,
        is_archive=is_archive,
        root=IMAGE_FOLDER if is_archive and not name else "",
        key=digest,
    )
