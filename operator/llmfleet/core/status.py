"""(Observed, Plan, Outcomes, now) -> Status.

Ready              every wanted replica runs the current spec and answers
Available          at least one replica answers (or zero are wanted)
CapacityAvailable  every replica has found a node
ScalingActive      the size follows the load
AdaptersReady      every ready pod serves every adapter
EngineVerified     the pods' runtime knows their engine's version and finds all its metrics
UpgradeAvailable   this operator would make the pods differently
Reconciling        something is under way, or waits for capacity        (kstatus: InProgress)
Stalled            nothing more happens until somebody changes something (kstatus: Failed)

Stalled and Reconciling are never both True: kstatus reads Reconciling first and would wait for ever.
"""

from llmfleet import __version__, names
from llmfleet.api.conditions import MEANINGS, ConditionType, Reason, condition, merge
from llmfleet.api.scaled import AutoscalingStatus
from llmfleet.api.status import Condition, ConditionStatus, Problem, Resolved, RevisionRole, RevisionStatus, Status
from llmfleet.core import adapters, download, drains, starts
from llmfleet.core.engine import engine_verified
from llmfleet.core.failure import last_failure
from llmfleet.core.measured import fit_status
from llmfleet.core.plan import Outcomes, Plan, Ref
from llmfleet.core.pods import Health
from llmfleet.core.progress import is_complete, rollout_status
from llmfleet.core.room import UNPLACED
from llmfleet.core.scaling.bounds import bounds
from llmfleet.core.size import held_by
from llmfleet.core.verdict import Verdict, verdict
from llmfleet.core.wake import asleep
from llmfleet.core.world import Observed

_SOURCE_TROUBLES = (Reason.METRICS_SOURCE_UNKNOWN, Reason.METRICS_SOURCE_UNAVAILABLE)
MAX_PROBLEMS = 5
MAX_REVISIONS = 8


def derive(observed: Observed, plan: Plan, outcomes: Outcomes, now: str) -> Status:
    """The status to record; ``now`` is RFC 3339. The autoscaler's part is written by the autoscaler."""
    found = verdict(observed, plan, outcomes, now)
    deployment = observed.deployment
    ready, staying = observed.ready(), observed.staying()
    fully_served = found.ready and deployment is not None
    return Status(
        observed_generation=observed.generation,
        served_generation=observed.generation if fully_served else observed.status.served_generation,
        operator_version=__version__,
        conditions=merge(observed.status.conditions, _conditions(observed, plan, found, now), now),
        endpoint=names.endpoint(deployment.name, deployment.namespace, deployment.spec.service.port)
        if deployment
        else observed.status.endpoint,
        selector=f"{names.UID_LABEL}={observed.raw['metadata']['uid']}",
        replicas=len(staying),
        ready_replicas=ready,
        updated_replicas=len(observed.staying(plan.revision)) if plan.revision else 0,
        desired_replicas=plan.desired,
        ready_summary=f"{ready}/{plan.desired}",
        revision=plan.given_up or plan.revision or observed.status.revision,
        served_revision=_served_revision(observed, plan),
        rollout=None if is_complete(observed, plan.revision, plan.desired) else rollout_status(observed, plan, now),
        resolved=_resolved(observed, plan),
        fit=fit_status(observed, plan.revision, now),
        revisions=_revisions(observed, plan),
        problems=_problems(observed, now),
        adapters=adapters.adapters_status(adapters.standing(observed, plan.revision)),
        download=download.download(observed, plan.revision),
        last_failure=last_failure(observed, plan.revision, now),
        startup=starts.fold(observed, plan.revision),
        drains=drains.fold(observed.status.drains, observed.removals),
    )


def _served_revision(observed: Observed, plan: Plan) -> str | None:
    """The revision last served in full; an intended zero proves nothing of it."""
    serves = bool(plan.desired) and not plan.blocked and is_complete(observed, plan.revision, plan.desired)
    return plan.revision if serves else observed.status.served_revision


def _conditions(observed: Observed, plan: Plan, found: Verdict, now: str) -> tuple[Condition, ...]:
    def of(type_: ConditionType, is_true: bool, reason: Reason, message: str) -> Condition:  # noqa: FBT001 because it is the status itself
        status = ConditionStatus.TRUE if is_true else ConditionStatus.FALSE
        return condition(type_, status, reason, message, observed.generation)

    ready, idle = observed.ready(), observed.deployment is not None and plan.desired == 0
    serving = f"{ready} answer, {plan.desired} wanted"
    available = Reason.SCALED_TO_ZERO if idle else Reason.SERVING if ready else Reason.NO_READY_REPLICAS
    under_way = found.reason if found.reconciling else Reason.SETTLED
    stuck = found.reason if found.stalled else Reason.NO_FAILURE
    return (
        of(ConditionType.READY, found.ready, found.reason, found.message),
        of(ConditionType.AVAILABLE, bool(ready) or idle, available, serving),
        _capacity(observed, plan),
        _scaling(observed, now),
        adapters.adapters_ready(adapters.standing(observed, plan.revision), observed.generation),
        engine_verified(observed),
        of(
            ConditionType.UPGRADE_AVAILABLE,
            bool(plan.upgrade),
            Reason.UPGRADE_AVAILABLE if plan.upgrade else Reason.UP_TO_DATE,
            plan.upgrade,
        ),
        of(ConditionType.RECONCILING, found.reconciling, under_way, found.message if found.reconciling else ""),
        of(ConditionType.STALLED, found.stalled, stuck, found.message if found.stalled else ""),
    )


def _capacity(observed: Observed, plan: Plan) -> Condition:
    waiting = [pod.trouble for pod in observed.staying() if pod.trouble and pod.trouble.reason in UNPLACED]
    status = ConditionStatus.FALSE if waiting else ConditionStatus.TRUE
    reason = waiting[0].reason if waiting else Reason.ALL_PLACED
    message = f"{len(waiting)} of {plan.desired} wait: {waiting[0].message}" if waiting else ""
    return condition(ConditionType.CAPACITY_AVAILABLE, status, reason, message, observed.generation)


Told = tuple[ConditionStatus, Reason, str]


def _scaling(observed: Observed, now: str) -> Condition:
    status, reason, message = _rivalled(observed, _scaled(observed, now))
    return condition(ConditionType.SCALING_ACTIVE, status, reason, message, observed.generation)


def _rivalled(observed: Observed, told: Told) -> Told:
    """What somebody else's autoscaler makes of it: a hold on the size, or a try that the server refuses."""
    held, meaning = held_by(observed), MEANINGS[Reason.FOREIGN_AUTOSCALER]
    if held:
        words = f"{held.name} has the size of {held.target} | {meaning}"
        return ConditionStatus.FALSE, Reason.FOREIGN_AUTOSCALER, words
    rival = next((each for each in observed.scalers if each.target.kind == names.KIND), None)
    if rival and told[1] is not Reason.NOT_CONFIGURED:
        words = f"{told[2]}; {rival.name} aims at {rival.target} too and is refused | {meaning}"
        return told[0], Reason.FOREIGN_AUTOSCALER, words
    return told


def _scaled(observed: Observed, now: str) -> Told:
    spec = observed.deployment.spec if observed.deployment else None
    if spec is None or spec.autoscaling is None:
        words = "spec.autoscaling is absent; spec.replicas is the size"
        return ConditionStatus.FALSE, Reason.NOT_CONFIGURED, words
    decision, trouble = observed.status.autoscaling, bounds(spec.autoscaling, now).trouble
    if decision and not decision.load_seen:
        return _unheard(decision, trouble)
    if trouble:
        return ConditionStatus.FALSE, Reason.INVALID_SCHEDULE, f"{trouble} | {MEANINGS[Reason.INVALID_SCHEDULE]}"
    if decision is None:
        return ConditionStatus.UNKNOWN, Reason.PENDING, "no decision yet"
    if not spec.autoscaling.is_enforced:
        words = "the load is watched; what it calls for is not carried out"
        return ConditionStatus.FALSE, Reason.OBSERVING, words
    return ConditionStatus.TRUE, *_followed(observed, spec.replicas is not None)


def _followed(observed: Observed, has_replicas: bool) -> tuple[Reason, str]:  # noqa: FBT001 because it is a fact of the spec
    if sleeping := asleep(observed):
        return Reason.SCALED_TO_ZERO, sleeping
    if has_replicas:
        return Reason.REPLICAS_IGNORED, "spec.replicas is ignored while autoscaling is set"
    return Reason.LOAD_OBSERVED, "the size follows the load the pods report"


def _unheard(decision: AutoscalingStatus, trouble: str) -> Told:
    """What keeps the load from being known; ``trouble`` is what is wrong with a schedule."""
    held = Reason.LOAD_UNAVAILABLE, "too few pods report their load; the size is held"
    known = decision.reason in _SOURCE_TROUBLES
    reason, words = (Reason(decision.reason), decision.message) if known else held
    return ConditionStatus.FALSE, reason, f"{words}; {trouble}" if trouble else words


def _resolved(observed: Observed, plan: Plan) -> Resolved | None:
    """Facts of the revision that runs; a fact once seen stays until the revision changes."""
    if observed.deployment is None or not plan.revision:
        return observed.status.resolved
    known_revisions = (observed.status.revision, observed.status.served_revision)
    past = observed.status.resolved if plan.revision in known_revisions else None
    record = observed.children.get(
        Ref("ControllerRevision", names.revision_name(observed.deployment.name, plan.revision))
    )
    ready = [pod for pod in observed.staying(plan.revision) if pod.health is Health.READY]
    reports = [observed.reports[pod.uid].status for pod in ready if pod.uid in observed.reports]
    report = next((each for each in reports if each), None)
    facts = {
        "image": record["data"]["image"] if record else None,
        "image_id": next((pod.image_id for pod in ready if pod.image_id), None),
        "max_model_len": report.max_model_len if report else None,
        "engine_version": report.engine_version if report else None,
        "quantization": report.quantization if report else None,
        "commit": report.commit if report else None,
        "checkpoint": (record["data"].get("model") or {}).get("quality") if record else None,
    }
    known = (past or Resolved()).model_copy(update={key: value for key, value in facts.items() if value is not None})
    return None if known == Resolved() else known  # an applied empty object would become null, which is refused


def _revisions(observed: Observed, plan: Plan) -> tuple[RevisionStatus, ...]:
    fleets = {name: size for name, size in observed.fleets().items() if size or observed.staying(name)}
    given_up = plan.given_up or _given_up_before(observed, plan)
    if given_up:
        fleets.setdefault(given_up, 0)
    others = [name for name in fleets if name not in (plan.revision, given_up)]

    def role(name: str) -> RevisionRole:
        if name == given_up:
            return RevisionRole.GIVEN_UP
        if name != plan.revision:
            return RevisionRole.PREVIOUS
        return RevisionRole.CANDIDATE if others else RevisionRole.CURRENT

    each = (RevisionStatus(name=n, role=role(n), replicas=s, ready=observed.ready(n)) for n, s in fleets.items())
    return tuple(sorted(each, key=lambda r: (r.role is RevisionRole.PREVIOUS, r.name)))[:MAX_REVISIONS]


def _given_up_before(observed: Observed, plan: Plan) -> str:
    """What was given up stays so while nothing can be decided."""
    told = (each.name for each in observed.status.revisions if each.role is RevisionRole.GIVEN_UP)
    return next(told, "") if plan.blocked else ""


def _problems(observed: Observed, now: str) -> tuple[Problem, ...]:
    grouped: dict[Reason, list[Problem]] = {}
    for pod in observed.staying():
        if pod.trouble and pod.trouble.shows(now):
            reason, message = pod.trouble.reason, pod.trouble.message[-900:]
            one = Problem(reason=reason, count=1, example_pod=pod.name, node=pod.node or None, message=message)
            grouped.setdefault(reason, []).append(one)
    each = (found[0].model_copy(update={"count": len(found)}) for found in grouped.values())
    return tuple(sorted(each, key=lambda problem: (-problem.count, problem.reason)))[:MAX_PROBLEMS]
