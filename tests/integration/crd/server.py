"""The judging API server: one kept connection, strict field validation, nothing stored unless said so."""

import base64
import http.client
import json
import ssl
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import yaml


class Server:
    """Creates and updates LLMDeployments of one namespace; every answer is (status code, document)."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self.namespace = namespace
        self._objects = f"/apis/llmfleet.io/v1alpha1/namespaces/{namespace}/llmdeployments"
        document = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
        address = urlsplit(document["clusters"][0]["cluster"]["server"])
        self._connection = http.client.HTTPSConnection(
            address.hostname or "", address.port, timeout=30, context=_context(document)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def create(self, document: dict[str, Any], *, keep: bool = False) -> tuple[int, dict[str, Any]]:
        """Ask whether the object may be created; ``keep`` creates it."""
        return self._send("POST", f"{self._objects}?{_parameters(keep=keep)}", document)

    def update(self, document: dict[str, Any], *, keep: bool = False) -> tuple[int, dict[str, Any]]:
        """Ask whether the stored object may become this; ``keep`` makes it so."""
        path = f"{self._objects}/{document['metadata']['name']}"
        _, stored = self._send("GET", path)
        versioned = {**document, "metadata": {**document["metadata"], **_version(stored)}}
        return self._send("PUT", f"{path}?{_parameters(keep=keep)}", versioned)

    def get(self, name: str, subresource: str = "") -> tuple[int, dict[str, Any]]:
        """The stored object, or one of its subresources."""
        return self._send("GET", f"{self._objects}/{name}{subresource}")

    def delete(self, name: str) -> None:
        """Take the object away where it is."""
        self._send("DELETE", f"{self._objects}/{name}")

    def create_text(self, text: str, validation: str = "Strict") -> tuple[int, dict[str, Any], str]:
        """As ``create``, with the body as written; the third is the answer's warnings."""
        answer = self._ask("POST", f"{self._objects}?fieldValidation={validation}&dryRun=All", text)
        return answer.status, json.loads(answer.read()), answer.getheader("Warning", "")

    def _send(self, verb: str, path: str, document: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        answer = self._ask(verb, path, None if document is None else json.dumps(document))
        return answer.status, json.loads(answer.read())

    def _ask(self, verb: str, path: str, body: str | None) -> http.client.HTTPResponse:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        encoded = None if body is None else body.encode()
        try:
            self._connection.request(verb, path, encoded, headers)
            return self._connection.getresponse()
        except (http.client.HTTPException, OSError):
            # Tests of other files came in between, and the server has closed a connection that was idle for long.
            self._connection.close()
            self._connection.request(verb, path, encoded, headers)
            return self._connection.getresponse()


def _parameters(*, keep: bool) -> str:
    return "fieldValidation=Strict" + ("" if keep else "&dryRun=All")


def _version(stored: dict[str, Any]) -> dict[str, str]:
    return {"resourceVersion": stored["metadata"]["resourceVersion"]}


def _context(kubeconfig: dict[str, Any]) -> ssl.SSLContext:
    """The administrator's certificate; ssl reads it only from files."""
    cluster, user = kubeconfig["clusters"][0]["cluster"], kubeconfig["users"][0]["user"]
    context = ssl.create_default_context(cadata=_decoded(cluster, "certificate-authority").decode())
    with tempfile.NamedTemporaryFile() as pair:
        pair.write(_decoded(user, "client-certificate") + b"\n" + _decoded(user, "client-key"))
        pair.flush()
        context.load_cert_chain(pair.name)
    return context


def _decoded(entry: dict[str, str], name: str) -> bytes:
    data = entry.get(f"{name}-data")
    return base64.b64decode(data) if data else Path(entry[name]).read_bytes()
