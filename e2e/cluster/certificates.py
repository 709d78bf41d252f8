"""Certificates, keys and kubeconfigs: one authority per cluster, one identity per component."""

import base64
import datetime as dt
import ipaddress
import json
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from e2e.cluster import layout

_LIFETIME = dt.timedelta(days=365)
_SERVICE_ADDRESS = str(ipaddress.ip_network(layout.SERVICE_NETWORK)[1])

# User name and group of each component: what RBAC and the audit log call it.
IDENTITIES = {
    "admin": ("admin", "system:masters"),
    "kube-controller-manager": ("system:kube-controller-manager", ""),
    "kube-scheduler": ("system:kube-scheduler", ""),
    "kube-proxy": ("system:kube-proxy", ""),
    "kubelet": (f"system:node:{layout.NODE}", "system:nodes"),
    "apiserver-kubelet-client": ("kube-apiserver-kubelet-client", "system:masters"),
    "coredns": ("system:coredns", ""),
    "kwok": ("system:kwok", ""),
}


@dataclass(frozen=True)
class Authority:
    """A certificate authority and the folder where it leaves what it signs."""

    folder: Path
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def issue(self, name: str, common_name: str, group: str = "", hosts: tuple[str, ...] = ()) -> None:
        """Write `name.crt` and `name.key`, for servers named `hosts` or, without any, for a client."""
        key = ec.generate_private_key(ec.SECP256R1())
        usage = ExtendedKeyUsageOID.SERVER_AUTH if hosts else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = _builder(_name(common_name, group), self.certificate.subject, key)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if hosts:
            builder = builder.add_extension(x509.SubjectAlternativeName([_host(h) for h in hosts]), critical=False)
        _write(self.folder, name, key, builder.sign(self.key, hashes.SHA256()))


def create(folder: Path, server: str) -> None:
    """Make everything a cluster whose API server is at https://`server` needs: certificates and kubeconfigs."""
    folder.mkdir(parents=True)
    authority = _authority(folder)
    address = server.rpartition(":")[0]
    names = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
    hosts = (*names, f"{names[-1]}.cluster.local", "127.0.0.1", address, _SERVICE_ADDRESS)
    authority.issue("apiserver", "kube-apiserver", hosts=tuple(dict.fromkeys(hosts)))
    for name, (user, group) in IDENTITIES.items():
        authority.issue(name, user, group)
        _secret(folder / f"{name}.kubeconfig", _kubeconfig(folder, name, server).encode())
    _service_account_keys(folder)


def _authority(folder: Path) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("llmfleet test cluster", "")
    constraints = x509.BasicConstraints(ca=True, path_length=None)
    certificate = _builder(name, name, key).add_extension(constraints, critical=True).sign(key, hashes.SHA256())
    _write(folder, "ca", key, certificate)
    return Authority(folder, certificate, key)


def _service_account_keys(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    _secret(folder / "service-account.key", _private(key))
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (folder / "service-account.pub").write_bytes(public)


def _kubeconfig(folder: Path, name: str, server: str) -> str:
    def data(file: str) -> str:
        return base64.b64encode((folder / file).read_bytes()).decode()

    credentials = {"client-certificate-data": data(f"{name}.crt"), "client-key-data": data(f"{name}.key")}
    cluster = {"server": f"https://{server}", "certificate-authority-data": data("ca.crt")}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "llmfleet", "cluster": cluster}],
        "users": [{"name": name, "user": credentials}],
        "contexts": [{"name": "llmfleet", "context": {"cluster": "llmfleet", "user": name}}],
        "current-context": "llmfleet",
    }
    return json.dumps(config, indent=2)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)  # noqa: TID251 because certificates begin at the machine's own time
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + _LIFETIME)
    )


def _name(common_name: str, group: str) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group)] if group else []
    return x509.Name([*attributes, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _write(folder: Path, name: str, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
    (folder / f"{name}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    _secret(folder / f"{name}.key", _private(key))


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _secret(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)
