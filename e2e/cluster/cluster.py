"""A running cluster as its users see it: where its files are, and its command line tools."""

import json
import os
import ssl
import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from e2e.cluster import containers, control_plane, layout
from e2e.cluster.errors import ClusterError
from e2e.cluster.layout import Profile


@dataclass(frozen=True)
class Cluster:
    """One profile's cluster; making one starts nothing, see `up`."""

    profile: Profile

    @property
    def run_dir(self) -> Path:
        """Folder of everything that belongs to the running cluster."""
        return layout.run_dir(self.profile)

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.run_dir / "kubeconfig"

    @property
    def server(self) -> str:
        """The API server's base URL."""
        return str(json.loads(self.kubeconfig.read_text(encoding="utf-8"))["clusters"][0]["cluster"]["server"])

    @property
    def audit_log(self) -> Path:
        """The API server's audit log: JSON lines, one per finished request."""
        return self.run_dir / control_plane.AUDIT_LOG

    @property
    def bin(self) -> Path:
        """Folder of the programs: kubectl, helm, ctr and the components."""
        return layout.bin_dir()

    @property
    def environment(self) -> dict[str, str]:
        """Variables under which kubectl and helm talk to this cluster and write only into its folder."""
        home = self.run_dir / "home"
        helm = {f"HELM_{kind}_HOME": str(home / "helm" / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
        kube = {"KUBECONFIG": str(self.kubeconfig), "KUBECACHEDIR": str(home / "kube-cache"), "KUBERC": "off"}
        return {**os.environ, **helm, **kube, "HOME": str(home), "PATH": f"{self.bin}:{os.environ.get('PATH', '')}"}

    def kubectl(
        self,
        *arguments: str,
        input: str | None = None,  # noqa: A002 because subprocess.run names it so
        check: bool = True,
        timeout: float | None = 120,
    ) -> str:
        """Run kubectl and return what it printed.

        `timeout` is in seconds. Raises ClusterError when it ends with an error (only if `check`) or too late.
        """
        return self._run("kubectl", *arguments, text=input, check=check, timeout=timeout)

    def helm(self, *arguments: str, timeout: float | None = 300) -> str:
        """Run helm and return what it printed; `timeout` in seconds. Raises ClusterError when it fails."""
        return self._run("helm", *arguments, timeout=timeout)

    def request(self, method: str, path: str, body: object = None, **query: str) -> Any:
        """The API server's JSON answer to the administrator, for a tenth of the CPU that kubectl takes to ask.

        Raises ClusterError with the server's words when it refuses.
        """
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        url = f"{self.server}{path}?{urlencode(query)}"
        request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 because it is our own server
        try:
            with urllib.request.urlopen(request, timeout=60, context=self._tls()) as answer:  # noqa: S310 because of the same
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise ClusterError(f"{method} {path} failed: {error.read().decode(errors='replace').strip()}") from error

    def _tls(self) -> ssl.SSLContext:
        pki = self.run_dir / "pki"
        context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
        return context

    def load_image(self, archive: Path) -> None:
        """Import a docker or OCI archive into the node. Raises ClusterError, also on a cluster without a real node."""
        if self.profile is not Profile.FULL:
            raise ClusterError(f"Profile {self.profile} runs no containers: take full.")
        containers.import_image(self.run_dir, archive)

    def _run(
        self, tool: str, *arguments: str, text: str | None = None, check: bool = True, timeout: float | None
    ) -> str:
        command = [str(self.bin / tool), *arguments]
        try:
            done = subprocess.run(
                command,
                input=text,
                env=self.environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=timeout,
            )
        except subprocess.TimeoutExpired as late:
            raise ClusterError(f"`{tool} {' '.join(arguments)}` took longer than {timeout} s") from late
        if check and done.returncode:
            raise ClusterError(f"`{tool} {' '.join(arguments)}` failed: {done.stderr.strip()}")
        return done.stdout
