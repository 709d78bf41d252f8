"""The phases of one operator's part: start, creation, churn, a burst of edits, rest, restart."""

import asyncio
import json
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from e2e.cluster import ClusterError
from e2e.cluster.progress import Report
from llmfleet.shell.kinds import BY_KIND, OWN

from . import ledger
from .api import Api, side_by_side
from .documents import REPLICAS, Document, llmdeployment, object_name
from .ledger import Entry, Ledger
from .measured import Measured
from .operators import Contestant
from .process import Busy, Running
from .waiting import idle, quiet, reported, served, silence, until

EDITS_PER_SECOND = 5.0
BURST_EDITS, BURST_SECONDS = 200, 2.0
LAG_SECONDS = 5.0
"""So long after a churn's last edit, or after a restart, writes are still counted."""


def edit(number: int, objects: int) -> tuple[str, Document]:
    """The churn's edits, object after object: in turn a drain time and a size, each round other ones."""
    chosen, lap = number % objects, number // objects
    if (chosen + lap) % 2:
        return object_name(chosen), {"replicas": REPLICAS - 1 if (lap // 2) % 2 == 0 else REPLICAS}
    return object_name(chosen), drained(200 + lap)


def drained(seconds: int) -> Document:
    """Members of a spec that change what running pods are told."""
    return {"lifecycle": {"drainTimeoutSeconds": seconds}}


@dataclass
class Part:
    """One operator in its namespace; the phases fill ``measured``."""

    contestant: Contestant
    namespace: str
    user: str
    bench_user: str
    api: Api
    ledger: Ledger
    report: Report
    log: Path
    measured: Measured

    async def play(self, churn_seconds: float, rest_seconds: float, *, is_doubled: bool) -> None:
        """All phases, one after the other; the operator is stopped at the end."""
        process = self.contestant.start(self.log)
        try:
            with self._step("starts without objects"):
                await idle(process)
                self.measured.base_bytes = process.high_water_bytes()
            await self._create(process)
            self.measured.created_bytes = process.resident_bytes()
            await self._churn(churn_seconds)
            await self._burst()
            await self._rest(rest_seconds)
            self.measured.rested_bytes = process.resident_bytes()
            self.measured.most_bytes = process.high_water_bytes()
            process.stop()
            process = self.contestant.start(self.log)
            await self._restart(process)
            if is_doubled:
                await self._add(range(self.measured.objects, 2 * self.measured.objects), process)
                process.stop()
                process = self.contestant.start(self.log)
                self.measured.doubled_restart_seconds = await self._adopted(process, 2 * self.measured.objects)
        finally:
            process.stop()
        self.measured.refused = ledger.refused(ledger.writes_of(self.ledger.read(), self.user))

    def _step(self, what: str) -> AbstractContextManager[None]:
        return self.report.step(f"{self.contestant.name}: {what}")

    def _since(self, begin: float, end: float) -> tuple[list[Entry], list[Entry]]:
        """The operator's writes and its reads."""
        mine = [each for each in ledger.during(self.ledger.read(), begin, end) if each.user == self.user]
        reads = [each for each in mine if not each.is_write and each.resource != "leases"]
        return ledger.writes_of(mine, self.user), reads

    async def _settle(self) -> None:
        with self._step("settles"):
            await quiet(self.ledger, self.user)

    async def _create(self, process: Running) -> None:
        count, used, begin = self.measured.objects, process.cpu_seconds(), time.time()
        await self._add(range(count), process)
        end = time.time()
        self.measured.cpu_seconds = process.cpu_seconds() - used
        self.measured.passes = self.contestant.passes()
        self.measured.silence_seconds = await silence(self.api, self.namespace)
        writes, reads = self._since(begin, end)
        ready = ledger.last_answer(ledger.during(self.ledger.entries, begin, end), "deployments/status")
        self.measured.served_seconds = (ready or end) - begin
        self.measured.reported_seconds = (ledger.last_answer(writes, "llmdeployments/status") or end) - begin
        self.measured.creation_writes, self.measured.creation_reads = ledger.counted(writes), ledger.counted(reads)
        await self._settle()

    async def _add(self, numbers: range, process: Running) -> None:
        """Create objects and wait until all that there are then say that they are ready."""
        whole, api, namespace = numbers.stop, self.api, self.namespace
        # Seldom, for looking costs the server time; what is measured is read from its audit log.
        every, patience = min(5.0, max(0.2, whole / 200)), 120.0 + whole

        async def ready() -> bool:
            process.check()
            return await served(api, namespace, whole) and await reported(api, namespace, whole)

        with self._step(f"{len(numbers)} objects become ready"):
            await side_by_side(partial(api.apply, llmdeployment(namespace, number)) for number in numbers)
            await until(ready, patience, f"{whole} objects ready; see {self.log}", every=every)

    async def _churn(self, seconds: float) -> None:
        begin, count = time.time(), int(seconds * EDITS_PER_SECOND)
        with self._step(f"{count} edits, {EDITS_PER_SECOND:.0f}/s"):
            for number in range(count):
                await asyncio.sleep(max(0.0, begin + number / EDITS_PER_SECOND - time.time()))
                await self.api.edit(self.namespace, *edit(number, self.measured.objects))
            await asyncio.sleep(LAG_SECONDS)
        writes, reads = self._since(begin, time.time())
        edits = [
            each
            for each in ledger.during(self.ledger.entries, begin)
            if each.user == self.bench_user and each.is_write and each.resource == "llmdeployments"
        ]
        took, self.measured.edits_missed = ledger.reactions(edits, writes)
        self.measured.edits = len(edits)
        self.measured.reaction_p50, self.measured.reaction_p99 = (ledger.percentile(took, each) for each in (50, 99))
        self.measured.churn_writes, self.measured.churn_reads = ledger.counted(writes), ledger.counted(reads)
        await self._settle()

    async def _burst(self) -> None:
        """Many edits of one object, over four connections; the last is the one that the server has in the end."""
        name, begin = object_name(0), time.time()

        async def one(number: int) -> None:
            await asyncio.sleep(max(0.0, begin + number * BURST_SECONDS / BURST_EDITS - time.time()))
            await self.api.edit(self.namespace, name, drained(1000 + number))

        with self._step(f"{BURST_EDITS} edits of one object in {BURST_SECONDS:.0f} s"):
            await side_by_side(partial(one, number) for number in range(BURST_EDITS))
            self.measured.burst_seconds = time.time() - begin
            await quiet(self.ledger, self.user)
        writes, _ = self._since(begin, time.time())
        about = [each for each in writes if ledger.owner_of(each.name) == name or each.resource == "events"]
        self.measured.burst_writes = ledger.counted(about)
        raw = await self.api.request("GET", OWN.path(self.namespace, name))
        live = await self.api.request("GET", BY_KIND["ConfigMap"].path(self.namespace, f"{name}-live"))
        told = json.loads(live["data"]["live.json"])["drainTimeoutSeconds"]
        self.measured.last_edit_won = told == raw["spec"]["lifecycle"]["drainTimeoutSeconds"]

    async def _rest(self, seconds: float) -> None:
        begin = time.time()
        with self._step(f"{seconds:.0f} s at rest"):
            # The time itself is what is measured.
            await asyncio.sleep(seconds)
        self.measured.rest_seconds = seconds
        self.measured.rest_writes = ledger.counted(self._since(begin, time.time())[0])

    async def _restart(self, process: Running) -> None:
        self.measured.restart_seconds = await self._adopted(process, self.measured.objects)
        await asyncio.sleep(LAG_SECONDS)
        self.measured.restart_bytes = process.high_water_bytes()
        self.measured.restart_writes = ledger.counted(self._since(process.started, time.time())[0])

    async def _adopted(self, process: Running, count: int) -> float:
        """Seconds from the start of a process until it had looked at so many objects."""
        owners, busy = [object_name(number) for number in range(count)], Busy(process)
        deadline, before = time.monotonic() + 120 + count, len(self.ledger.entries)
        with self._step(f"restarts over {count} objects"):
            while time.monotonic() < deadline and process.is_alive:
                writes = ledger.writes_of(self.ledger.read()[before:], self.user)
                seconds = self.contestant.adopted_after(process, busy, writes, owners)
                if seconds is not None:
                    return seconds
                await asyncio.sleep(0.1)
        raise ClusterError(f"{self.contestant.name} did not adopt {count} objects; see {self.log}")
