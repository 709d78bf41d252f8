"""A pure cluster: takes a plan's actions, and plays the controllers, the scheduler and the pods step by step.

Time is counted in steps. Nothing is random: what goes wrong is said by whoever drives it.
"""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from llmfleet import names
from llmfleet.core import fleet, status
from llmfleet.core.plan import Action, Annotate, Apply, Delete, Outcomes, Plan, Ref
from llmfleet.core.world import Observed, Report, labels
from llmfleet.shell.errors import Conflict
from llmfleet.shell.telemetry import as_members
from llmfleet_runtime.contract import AdapterStatus, LiveConfig
from tests import builders
from tests.builders import Raw, merged

STEPS_TO_START = 2
STEPS_TO_LEAVE = 2
STEPS_TO_REST = 60


@dataclass
class Simulator:
    """One LLMDeployment and all that belongs to it."""

    raw: Raw
    gpus: int = 8
    idle_seconds: float | None = None
    """What every pod says of how long it has been idle."""
    sees_nodes: bool = True
    """Whether the operator may read what is free."""
    bad: set[str] = field(default_factory=set)
    """Revisions whose pods crash instead of becoming ready."""
    objects: dict[Ref, Raw] = field(default_factory=dict)
    pods: dict[str, Raw] = field(default_factory=dict)
    leaving: dict[str, int] = field(default_factory=dict)
    ages: dict[str, int] = field(default_factory=dict)
    live_numbers: dict[str, int] = field(default_factory=dict)
    lives: dict[str, LiveConfig | None] = field(default_factory=dict)
    """The live document each ready pod has read."""
    broken: set[str] = field(default_factory=set)
    """Adapters that pods refuse."""
    loads: dict[str, int | None] = field(default_factory=dict)
    clock: int = 0
    counter: int = 10

    # What users and accidents do.

    def edit(self, **members: Any) -> None:
        """Change the spec; None takes a member away."""
        spec = merged(self.raw["spec"], members)
        if spec != self.raw["spec"]:
            self.raw = {**self.raw, "spec": spec}
            self._touch(self.raw, generation=self.raw["metadata"]["generation"] + 1)

    def stumble(self, name: str) -> None:
        """A ready pod stops answering for a while."""
        if name in self.pods and self.is_ready(name):
            self.pods[name] = _with(self.pods[name], builders.unready())
            self.ages[name] = 0

    # What the operator sees and does.

    def observe(self) -> Observed:
        """One look, with the reports of the ready pods."""
        reports = {self.pods[name]["metadata"]["uid"]: self._report(name) for name in self.pods if self.is_ready(name)}
        observed = builders.look(self.raw, list(self.objects.values()), list(self.pods.values()), reports)
        return replace(observed, capacity=builders.gpus_free(self._free()) if self.sees_nodes else None)

    def plan(self, observed: Observed | None = None) -> Plan:
        """What the operator would do."""
        return fleet.plan(observed or self.observe(), builders.DEFAULTS, self.now)

    @property
    def now(self) -> str:
        """The wall clock: ten seconds a step."""
        at = datetime.fromisoformat(builders.NOW) + timedelta(seconds=10 * self.clock)
        return at.strftime("%Y-%m-%dT%H:%M:%SZ")

    def act(self, actions: Iterable[Action]) -> None:
        """Carry actions out in order. Conflict when one was decided on something that has changed."""
        for action in actions:
            self._act(action)

    def record(self, observed: Observed, plan: Plan) -> None:
        """Write the status where its meaning changed."""
        derived = as_members(status.derive(observed, plan, Outcomes(), self.now))
        kept = {key: value for key, value in self.raw.get("status", {}).items() if key == "autoscaling"}
        if {**derived, **kept} != self.raw.get("status"):
            self.raw = {**self.raw, "status": {**derived, **kept}}
            self._touch(self.raw)

    def operate(self) -> Plan:
        """One whole pass of the operator."""
        observed = self.observe()
        plan = self.plan(observed)
        self.act(plan.actions)
        self.record(observed, plan)
        return plan

    def run(self, steps: int = STEPS_TO_REST) -> int:
        """Pass and step until nothing moves; the number of steps. AssertionError when it never rests."""
        for number in range(steps):
            before = self.counter
            plan = self.operate()
            self.step()
            if not plan.actions and self.counter == before and not self._moving() and plan.recheck_after is None:
                return number
        raise AssertionError(f"still moving after {steps} steps: {self.sizes()}, {plan.actions}")

    def _act(self, action: Action) -> None:
        if isinstance(action, Apply):
            self._apply(action)
        elif isinstance(action, Annotate):
            old = self.pods.get(action.ref.name)
            if old and old["metadata"]["uid"] == action.uid:
                self.pods[action.ref.name] = _with(old, builders.annotated(action.annotations))
                self._touch(self.pods[action.ref.name])
        elif isinstance(action, Delete):
            self._delete(action)

    def _apply(self, action: Apply) -> None:
        old = self.objects.get(action.ref)
        if action.resource_version and (not old or old["metadata"]["resourceVersion"] != action.resource_version):
            raise Conflict(f"{action.ref} has changed")
        new: Raw = merged(old or {}, action.manifest)
        new["status"] = (old or {}).get("status", {})
        new["metadata"].setdefault("uid", f"uid-{self.counter}")
        self._touch(new, generation=new["metadata"].get("generation", 0) + 1)
        self.objects[action.ref] = new

    def _delete(self, action: Delete) -> None:
        old = self.objects.get(action.ref)
        if old and old["metadata"]["uid"] != action.uid:
            raise Conflict(f"{action.ref} is another one")
        self.objects.pop(action.ref, None)

    # What the platform does in one step.

    def step(self) -> None:
        """Let every controller, the scheduler and every pod do what they do."""
        self.clock += 1
        self._leave()
        self._control()
        self._schedule()
        self._grow()
        self._tell()

    def _control(self) -> None:
        """Make and delete pods as the Deployments want."""
        wanted = {self._revision(raw): raw["spec"]["replicas"] for raw in self._deployments()}
        present = {labels(raw)[names.REVISION_LABEL] for raw in self.pods.values()}
        for each in sorted(wanted.keys() | present):
            staying = [name for name in self.pods if self._is_of(name, each) and name not in self.leaving]
            for name in sorted(staying, key=self._deletion_order)[: max(0, len(staying) - wanted.get(each, 0))]:
                self.leaving[name] = STEPS_TO_LEAVE
                self.pods[name] = _with(self.pods[name], builders.being_deleted())
                self._touch(self.pods[name])
            for _ in range(wanted.get(each, 0) - len(staying)):
                self._make(each)

    def _deletion_order(self, name: str) -> tuple[bool, bool, int, int]:
        """Unscheduled first, then not ready, then cheap ones, then young ones."""
        cost = self.pods[name]["metadata"].get("annotations", {}).get(names.DELETION_COST_ANNOTATION, "0")
        return self._is_placed(name), self.is_ready(name), int(cost), self.ages[name]

    def _make(self, revision: str) -> None:
        name = f"qwen-{revision}-{self.counter}"
        self.pods[name] = builders.pod(revision, builders.with_metadata(creationTimestamp=self.now), name=name)
        self.ages[name] = 0
        self._touch(self.pods[name])

    def _leave(self) -> None:
        for name in list(self.leaving):
            self.leaving[name] -= 1
            if not self.leaving[name]:
                for table in (self.leaving, self.pods, self.ages, self.live_numbers, self.lives):
                    table.pop(name, None)  # type: ignore[attr-defined]  # because tables differ
                self.counter += 1

    def _schedule(self) -> None:
        """Pods get a GPU in order of age."""
        for name in [name for name in self.pods if not self._is_placed(name) and name not in self.leaving]:
            if self._free() > 0:
                placed = (builders.with_spec(nodeName="node"), builders.scheduled(), builders.starting())
                self._become(name, _with(self.pods[name], *placed))
            else:
                lacking = builders.unschedulable("0/1 nodes: Insufficient nvidia.com/gpu")
                self._become(name, _with(self.pods[name], lacking))

    def _free(self) -> int:
        return self.gpus - sum(self._is_placed(name) for name in self.pods)

    def _grow(self) -> None:
        """Starting pods become ready, or crash; stumbled ones answer again."""
        for name in [name for name in self.pods if self._is_placed(name) and name not in self.leaving]:
            self.ages[name] += 1
            if self.is_ready(name) or self.ages[name] <= STEPS_TO_START:
                continue
            if labels(self.pods[name])[names.REVISION_LABEL] in self.bad:
                self._become(name, _with(self.pods[name], builders.crashed("CUDA out of memory", restarts=3)))
            else:
                if name not in self.live_numbers:
                    self._read_live(name)
                self._become(name, _with(self.pods[name], builders.ready()))

    def _tell(self) -> None:
        """Touched pods read their live document; Deployments count their ready pods."""
        for name in self.live_numbers:
            said = self.pods[name]["metadata"].get("annotations", {}).get(names.LIVE_ANNOTATION)
            if said and self.live_numbers[name] != self._live_number():
                self._read_live(name)
                self.counter += 1
        for raw in self._deployments():
            count = self.ready(self._revision(raw))
            if raw["status"].get("readyReplicas") != count:
                raw["status"] = {"readyReplicas": count}
                self._touch(raw)

    # Readings.

    def is_ready(self, name: str) -> bool:
        """Whether a pod answers and stays."""
        found = (each for each in self.pods[name]["status"].get("conditions", ()) if each["type"] == "Ready")
        return name not in self.leaving and next(found, {}).get("status") == "True"

    def ready(self, revision: str | None = None) -> int:
        """How many pods answer."""
        return sum(self.is_ready(name) for name in self.pods if revision is None or self._is_of(name, revision))

    def sizes(self) -> dict[str, int]:
        """Wanted pods by revision."""
        return {self._revision(raw): raw["spec"]["replicas"] for raw in self._deployments()}

    def copy(self) -> "Simulator":
        """The same world, on its own from here on."""
        return copy.deepcopy(self)

    def _moving(self) -> bool:
        young = (self._is_placed(name) and not self.is_ready(name) and not self._is_bad(name) for name in self.pods)
        return bool(self.leaving) or any(young)

    def _is_bad(self, name: str) -> bool:
        return labels(self.pods[name])[names.REVISION_LABEL] in self.bad

    def _report(self, name: str) -> Report:
        return builders.report(
            live_number=self.live_numbers.get(name, 0),
            in_flight=self.loads.get(name, len(name) % 3),
            idle_seconds=self.idle_seconds,
            adapters=self._adapters(name),
        )

    def _read_live(self, name: str) -> None:
        self.live_numbers[name] = self._live_number()
        self.lives[name] = builders.look(self.raw, list(self.objects.values())).live

    def _adapters(self, name: str) -> tuple[AdapterStatus, ...] | None:
        """What the pod says of the adapters in its live document."""
        live = self.lives.get(name)
        if live is None or live.adapters is None:
            return None
        return tuple(builders.adapter_status(each, is_broken=each.name in self.broken) for each in live.adapters)

    def _live_number(self) -> int:
        live = builders.look(self.raw, list(self.objects.values())).live
        return live.number if live else 0

    def _deployments(self) -> list[Raw]:
        return [raw for ref, raw in self.objects.items() if ref.kind == "Deployment"]

    def _revision(self, raw: Mapping[str, Any]) -> str:
        return labels(raw)[names.REVISION_LABEL]

    def _is_of(self, name: str, revision: str) -> bool:
        return labels(self.pods[name])[names.REVISION_LABEL] == revision

    def _is_placed(self, name: str) -> bool:
        return "nodeName" in self.pods[name]["spec"]

    def _become(self, name: str, raw: Raw) -> None:
        if raw != self.pods[name]:
            self.pods[name] = raw
            self._touch(raw)

    def _touch(self, raw: Raw, **metadata: Any) -> None:
        self.counter += 1
        raw["metadata"] = {**raw["metadata"], "resourceVersion": str(self.counter), **metadata}


def _with(raw: Raw, *modifiers: builders.Modifier) -> Raw:
    changed = copy.deepcopy(raw)
    for modify in modifiers:
        modify(changed)
    return changed
