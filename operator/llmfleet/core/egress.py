"""How pods reach what is outside the cluster: by which proxies, and whose certificates they trust."""

from dataclasses import dataclass
from typing import Any

from llmfleet_runtime.contract import CA_BUNDLE, CERTIFICATES_FOLDER

IDENTITY = ("169.254.169.254", "169.254.170.23", "metadata.google.internal")
"""Where clients of stores ask who the pod is: each node answers for itself."""
INSIDE = ("localhost", "127.0.0.1", "::1", ".svc", ".cluster.local", *IDENTITY)
"""Never reached by a proxy: the pod itself, and what the cluster's own names stand for."""


@dataclass(frozen=True)
class Egress:
    """Empty: pods go out directly and trust what their image trusts."""

    http_proxy: str = ""
    https_proxy: str = ""
    no_proxy: tuple[str, ...] = ()
    """Beside ``INSIDE``."""
    ca_config_map: str = ""
    """In the namespace of each fleet."""
    ca_key: str = ""

    def environment(self) -> dict[str, str]:
        """Variables that every client of the runtime heeds; none without a setting."""
        found = {"HTTP_PROXY": self.http_proxy, "HTTPS_PROXY": self.https_proxy}
        if any(found.values()):
            found["NO_PROXY"] = ",".join(dict.fromkeys((*INSIDE, *self.no_proxy)))
        if self.ca_config_map:
            found |= dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"), f"{CERTIFICATES_FOLDER}/{CA_BUNDLE}")
        return {name: value for name, value in found.items() if value}

    def certificates(self) -> dict[str, Any] | None:
        """Source of the volume with the bundle; None without one.

        Optional: a namespace that lacks it holds up no pod that needs nothing from outside.
        """
        if not self.ca_config_map:
            return None
        return {"name": self.ca_config_map, "optional": True, "items": [{"key": self.ca_key, "path": CA_BUNDLE}]}


DIRECT = Egress()
