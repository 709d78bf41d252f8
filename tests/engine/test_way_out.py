"""Behind a company's proxy, which signs what passes it: the variables that the operator's settings become, for real."""

import contextlib
import socket
import socketserver
import ssl
import threading

import pytest

from e2e.cluster import certificates
from e2e.engine import clients
from llmfleet.core.egress import Egress
from tests.engine.hub import hub
from tests.engine.sourced import Fetcher, Site, contents, packed, serving

HOST = "models.example"
"""Nobody but the proxy knows where that is."""


class Proxy(socketserver.ThreadingTCPServer):
    """Takes CONNECT only, and speaks TLS for whatever host is asked for, with its own authority's certificate."""

    daemon_threads = True

    def __init__(self, target, pki):
        super().__init__(("127.0.0.1", 0), Connection)
        self.target, self.asked = int(target.rpartition(":")[2]), []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(pki / "apiserver.crt", pki / "apiserver.key")
        self.address = f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class Connection(socketserver.StreamRequestHandler):
    def handle(self):
        asked = self.rfile.readline().decode()
        while self.rfile.readline().strip():
            continue
        self.server.asked.append(asked.rpartition(" ")[0])
        self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", self.server.target)) as behind,
            self.server.context.wrap_socket(self.request, server_side=True) as client,
        ):
            asking = threading.Thread(target=pass_on, args=(client, behind), daemon=True)
            asking.start()
            pass_on(behind, client)
            asking.join()


def pass_on(source, target):
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pki") / "made"
    certificates.create(folder, f"{HOST}:443")
    return folder


@pytest.fixture
def fetch(python, tmp_path):
    return Fetcher(python, clients(), tmp_path / "cache")


@pytest.fixture
def site(tmp_path, model):
    """A site with one archive, and the archive's sha256."""
    folder = tmp_path / "site"
    folder.mkdir()
    return Site(folder), packed(model, folder / "tiny.tar")


def outside(proxy, bundle):
    """What a pod's environment holds by these settings, with the bundle where it is here."""
    found = Egress(https_proxy=proxy.address, ca_config_map="trust", ca_key="all").environment()
    return found | dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"), str(bundle))


def test_an_archive_comes_through_the_proxy_by_the_certificates_of_the_settings(fetch, site, pki, model):
    with serving(site[0]) as address, Proxy(address, pki) as proxy:
        fetch.variables = outside(proxy, pki / "ca.crt")
        found = fetch(f"https://{HOST}/files/tiny.tar", sha256=site[1])
    assert contents(found["path"]) == contents(model)
    assert set(proxy.asked) == {f"CONNECT {HOST}:443"}


def test_a_repository_comes_through_the_proxy_by_the_certificates_of_the_settings(fetch, pki, tmp_path):
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "tiny.gguf").write_bytes(b"GGUF")
    with hub({"team/tiny": folder}) as address, Proxy(address, pki) as proxy:
        fetch.variables = outside(proxy, pki / "ca.crt") | {"HF_ENDPOINT": f"https://{HOST}"}
        found = fetch("hf://team/tiny")
    assert found["path"].endswith("/tiny.gguf")
    assert set(proxy.asked) == {f"CONNECT {HOST}:443"}


def test_what_is_in_the_cluster_is_not_asked_of_the_proxy(fetch, site, pki):
    with serving(site[0]) as address, Proxy(address, pki) as proxy:
        fetch.variables = outside(proxy, pki / "ca.crt") | {"HTTP_PROXY": proxy.address}
        assert fetch(f"{address}/files/tiny.tar", sha256=site[1])["kind"] == "Fetched"
    assert proxy.asked == []


@pytest.mark.parametrize("uri", [f"https://{HOST}/files/tiny.tar", "hf://team/tiny"])
def test_a_namespace_without_the_bundle_is_told_so(fetch, site, pki, tmp_path, uri):
    with serving(site[0]) as address, Proxy(address, pki) as proxy:
        fetch.variables = outside(proxy, tmp_path / "nothing.crt") | {"HF_ENDPOINT": f"https://{HOST}"}
        found = fetch(uri, **({"sha256": site[1]} if uri.startswith("https") else {}))
    assert found["reason"] == "ModelDownloadFailed"
    assert "nothing.crt is missing" in found["message"]
    assert "caBundleConfigMap" in found["message"]


def test_what_the_proxy_signs_is_not_trusted_without_its_authority(fetch, site, pki):
    with serving(site[0]) as address, Proxy(address, pki) as proxy:
        fetch.variables = {"HTTPS_PROXY": proxy.address}
        found = fetch(f"https://{HOST}/files/tiny.tar", sha256=site[1])
    assert found["reason"] == "ModelDownloadFailed"
    assert "CERTIFICATE_VERIFY_FAILED" in found["message"]
