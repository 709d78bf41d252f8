"""One operator behind one proxy, in a namespace of its own, kept running as the kubelet would."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from e2e.cluster import Cluster
from llmfleet import names
from llmfleet.shell.kinds import SCALER, WATCHED, Kind
from tests.faults import oracles
from tests.faults.floor import Floor
from tests.faults.proxy import Exchange, Proxy
from tests.faults.rules import Fault
from tests.integration.operator.conftest import fresh_namespace, grant
from tests.integration.operator.fleet import KINDS, MANAGED, Fleet
from tests.integration.operator.operator_process import OperatorProcess, kubeconfig_of

PATIENCE_SECONDS = 45.0
QUIET_SECONDS = 2.0
"""Nothing written for so long: at rest."""
KILLED = -9
USUAL = {"INSPECTION_TIMEOUT_SECONDS": "60", "QUANTIZE_IMAGE": "registry.example.org/quantize:1"}
DIRECT = "direct"
"""The kubeconfig past the proxy."""
Status = dict[str, Any]


class Stage:
    """What a test does to an operator, and what it sees of it."""

    def __init__(self, fleet: Fleet, proxy: Proxy, kubeconfig: Path, folder: Path, settings: dict[str, str]) -> None:
        """Nothing runs yet."""
        self.fleet, self.proxy, self.floor = fleet, proxy, Floor(fleet)
        self.exits: list[int] = []
        """How each process that is gone ended; minus nine for killed."""
        self._kubeconfig, self._folder, self._settings = kubeconfig, folder, settings
        self._operator: OperatorProcess | None = None
        self._started = self._armed = 0.0
        self._newborn = 0
        self._claims = ExitStack()

    @property
    def operator(self) -> OperatorProcess:
        assert self._operator is not None, "the operator was not started"
        return self._operator

    def start(self) -> None:
        """Start the operator; again under the same name, as the kubelet restarts a container."""
        self._started = time.monotonic()
        self._operator = OperatorProcess(
            self._kubeconfig, self.fleet.namespace, self._folder, "operator", self._settings
        )

    @contextmanager
    def second(self) -> Iterator[OperatorProcess]:
        """A further replica, which asks the server past the proxy and is not tended."""
        direct = self._folder / DIRECT
        made = OperatorProcess(direct, self.fleet.namespace, self._folder, "second", self._settings)
        try:
            yield made
        finally:
            made.kill()

    def kill(self) -> None:
        """SIGKILL, from any thread."""
        self.operator.process.kill()

    def tend(self) -> None:
        """Start the operator again when it has ended."""
        code = self.operator.process.poll()
        if code is not None:
            self.exits.append(code)
            self.start()

    def until(self, holds: Callable[[], Any], what: str, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until something holds, tending the operator; AssertionError when it never does."""
        end = time.monotonic() + seconds
        while not holds():
            self.tend()
            assert time.monotonic() < end, f"not within {seconds:.0f} s: {what}; last status: {self.status()}"
            time.sleep(0.05)

    def arm(self, *faults: Fault) -> int:
        """Let exactly these rules stand; where the record of exchanges ends now."""
        self.proxy.arm(*faults)
        self._armed = time.monotonic()
        return self.here()

    def here(self) -> int:
        """Where the record of exchanges ends now."""
        return len(self.proxy.exchanges)

    def since(self, here: int) -> list[Exchange]:
        """What was asked after a point of the record."""
        return self.proxy.exchanges[here:]

    def born_again(self) -> None:
        """The object is another from now on: what was said so far was of its forerunner."""
        self._newborn = self.here()

    def status(self) -> Status:
        """The last status that the server took; empty before the first."""
        for each in reversed(self.since(self._newborn)):
            request = each.request
            if (request.resource, request.subresource) == ("llmdeployments", "status") and each.code == 200:
                body = each.body if isinstance(each.body, dict) else {}
                if "observedGeneration" in body.get("status", {}):
                    return dict(body["status"])
        return {}

    def condition(self, kind: str) -> dict[str, Any]:
        """A condition of the last status that the server took."""
        return next((dict(each) for each in self.status().get("conditions", ()) if each["type"] == kind), {})

    def settle(self, reached: Callable[["Stage"], bool] | None = None, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until the present spec is Ready, or as ``reached`` says, and nothing is written any more."""
        generation = self._generation()
        self.until(lambda: self.status().get("observedGeneration") == generation, "the present spec is seen", seconds)
        at_the_end = reached or is_ready
        self.until(lambda: at_the_end(self), "the end is reached", seconds)
        self.until(lambda: self._at_rest() and at_the_end(self), "the end is reached, and nothing written", seconds)

    def has_settled(self, reached: Callable[["Stage"], bool]) -> bool:
        """Whether ``settle`` would have nothing to wait for."""
        return self._at_rest() and self.status().get("observedGeneration") == self._generation() and reached(self)

    def _generation(self) -> int:
        return int(self.fleet.get()["metadata"]["generation"])

    def rest(self, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until nothing was written for a while (O8)."""
        self.until(self._at_rest, "nothing is written", seconds)

    def _at_rest(self) -> bool:
        """Whether it was quiet for long; what was started or let through since has had no time to be heard of."""
        last = max([self._started, self._armed, *(each.at for each in oracles.writes(self.proxy.exchanges))])
        return time.monotonic() - last > QUIET_SECONDS

    def objects(self) -> list[oracles.Raw]:
        """The LLMDeployment and its children."""
        return self.objects_of(self.fleet)

    def objects_of(self, fleet: Fleet) -> list[oracles.Raw]:
        """The same of a further fleet."""
        return [fleet.get(), *fleet.list(KINDS)]

    def snapshot(self) -> dict[str, Any]:
        """What the operator would list now, by resource."""
        namespace, request = self.fleet.namespace, self.fleet.cluster.request

        def listed(kind: Kind) -> Any:
            selector = {} if kind.kind == names.KIND else {"labelSelector": MANAGED}
            return request("GET", kind.path(namespace), **selector)

        return {kind.plural: listed(kind) for kind in (*WATCHED, SCALER)}

    def pods(self) -> dict[str, str]:
        """UID of each pod that is not on its way out, by name."""
        staying = (raw["metadata"] for raw in self.fleet.list("pods") if "deletionTimestamp" not in raw["metadata"])
        return {metadata["name"]: metadata["uid"] for metadata in staying}

    def another(self, name: str) -> Fleet:
        """A further fleet of the same operator."""
        return Fleet(self.fleet.cluster, self.fleet.namespace, name)

    def left_over(self, uid: str) -> list[str]:
        """O9: what belongs to a deleted object still."""
        found = json.loads(self.fleet.kubectl("get", f"{KINDS},pods", "-o", "json"))["items"]
        return oracles.left_over(found, uid)

    def log(self) -> str:
        """All that the operator has logged."""
        return self.operator.log.read_text(encoding="utf-8")

    def share(self, claim: str) -> None:
        """A claim of this name, there as long as the stage."""
        self._claims.enter_context(self.fleet.claimed(claim))

    def close(self) -> None:
        """End the operator, the look at what serves, and what is not the namespace's."""
        self.floor.close()
        if self._operator is not None and self.operator.process.poll() is None:
            self.operator.kill()
        self._claims.close()


def is_ready(stage: Stage) -> bool:
    """Whether the last status says Ready."""
    return stage.condition("Ready").get("status") == "True"


def is_rolled_back(stage: Stage) -> bool:
    """Whether the last status says that the spec was given up and the revision before it serves alone."""
    stalled = stage.condition("Stalled")
    return (stalled.get("status"), stalled.get("reason")) == ("True", "RolledBack")


@contextmanager
def stage(cluster: Cluster, pki: Path, folder: Path, **settings: str) -> Iterator[Stage]:
    """A fresh one; the operator is not started yet. ``settings`` are the operator's, over the usual ones."""
    authority = cluster.run_dir / "pki" / "ca.crt"
    with fresh_namespace(cluster) as namespace, Proxy(cluster.server, authority, pki) as proxy:
        folder = folder / namespace
        folder.mkdir()
        grant(cluster, namespace)
        direct = kubeconfig_of(cluster, namespace, folder / DIRECT)
        settings = USUAL | settings
        made = Stage(
            Fleet(cluster, namespace), proxy, proxy.kubeconfig(direct, folder / "kubeconfig"), folder, settings
        )
        try:
            yield made
        finally:
            made.close()
