"""Alerts, each with what a person needs who is woken by it."""

from dataclasses import dataclass

EXPLAIN = "`kubectl describe llm NAME -n NAMESPACE` shows conditions, the last ten decisions and Events."


@dataclass(frozen=True)
class Alert:
    """One alert and its runbook page."""

    name: str
    expr: str
    minutes: int
    """For so long it must be true."""
    severity: str
    """critical: users feel it now. warning: within a working day."""
    summary: str
    meaning: str
    impact: str
    look: tuple[str, ...]
    remedy: tuple[str, ...]


def _of_fleet(words: str) -> str:
    return "{{ $labels.namespace }}/{{ $labels.name }} " + words


ALERTS = (
    Alert(
        "LLMFleetNoLeader",
        "absent(llmfleet_leader == 1)",
        5,
        "critical",
        "no llmfleet operator leads",
        "No replica of the operator holds the Lease, or Prometheus does not reach it.",
        "Fleets serve on with the size they have; nothing is scaled, rolled out or repaired.",
        (
            "`kubectl get pods,lease -n llmfleet-system` shows whether it runs and who holds the Lease.",
            "`kubectl logs -n llmfleet-system deploy/llmfleet` has its last words.",
        ),
        (
            "A pod that cannot start: correct image or settings; it names the setting that it refuses.",
            "A Lease that nobody renews is free after leaseDurationSeconds.",
            "It runs: see whether the ServiceMonitor is selected by your Prometheus.",
        ),
    ),
    Alert(
        "LLMFleetMissesObjective",
        "llmfleet:objective_attainment:ratio5m < on (namespace, name, objective) llmfleet_objective_share",
        10,
        "critical",
        _of_fleet("keeps {{ $labels.objective }} for {{ $value | humanizePercentage }} of its requests only"),
        "Fewer requests than promised were as quick as the target asks, for ten minutes.",
        "Users wait longer than what was agreed.",
        (
            EXPLAIN,
            "Is the fleet at its maximum (LLMFleetAtMaximum), or short of GPUs (condition CapacityAvailable)?",
            "Do replicas start (`kubectl get pods`)? After a jump the target is met when a start has ended.",
            "Have prompts become longer? Compare prompt tokens with requests on the dashboard.",
        ),
        (
            "Raise `autoscaling.maxReplicas`, add GPUs, or hold `minReplicas` higher before a known rise.",
            "A target below what the engine needs for one request cannot be met: relax it or use a faster GPU.",
        ),
    ),
    Alert(
        "LLMFleetAtMaximum",
        "(llmfleet_desired_replicas >= on (namespace, name) llmfleet_max_replicas) "
        "and on (namespace, name) (llmfleet_waiting_requests > 0)",
        15,
        "warning",
        _of_fleet("is at its maximum of {{ $value }} replicas and requests wait"),
        "The size is bounded by `autoscaling.maxReplicas` while requests are queued.",
        "Waiting requests pile up; the latency target is or will be missed.",
        (EXPLAIN, "The decision's message ends with `at most N`: the number before is what the load calls for."),
        ("Raise `autoscaling.maxReplicas` to what the message calls for, if there are GPUs.",),
    ),
    Alert(
        "LLMFleetLoadUnknown",
        "(llmfleet_signal_coverage < 0.5) and on (namespace, name) (llmfleet_ready_replicas > 0)",
        10,
        "critical",
        _of_fleet("tells its load for {{ $value | humanizePercentage }} of its pods only"),
        "Less than half of the ready pods told their load, so that the size is held.",
        "The fleet serves on and follows neither rising nor falling load.",
        (
            "Condition ScalingActive has the reason: LoadUnavailable, or a metrics source in trouble.",
            'With a metrics source: `up{namespace="NAMESPACE"}` on that server, and its targets page.',
            "Without one: does a NetworkPolicy keep the operator from port 9000 of the pods?",
        ),
        (
            "Mend the way from the operator, or the source, to the pods.",
            "Until then set `minReplicas` and `maxReplicas` to the size that you want.",
        ),
    ),
    Alert(
        "LLMFleetLowTrust",
        "(llmfleet_signal_trust < 0.7) and on (namespace, name) (llmfleet_signal_coverage >= 0.5)",
        15,
        "warning",
        _of_fleet("is trusted to {{ $value | humanizePercentage }} only; no replica is released"),
        "Pods are silent, their numbers old, or their counters have unknown names.",
        "The fleet grows but does not shrink, which costs GPU time.",
        (EXPLAIN, "The decision's message has the three parts: coverage, freshness, naming."),
        (
            "Coverage: find the pods that do not answer `/load`, or that the source does not read.",
            "Freshness: the source reads seldom; `intervalSeconds` must be its real interval, and clocks must agree.",
            "Naming: an engine image with other metric names; take one of the versions that the release names.",
        ),
    ),
    Alert(
        "LLMFleetReplicasMissing",
        "llmfleet_ready_replicas < llmfleet_desired_replicas",
        20,
        "warning",
        _of_fleet("has had fewer ready replicas than wanted for 20 minutes"),
        "Replicas are wanted and not ready, for longer than a start takes.",
        "Less capacity than the load calls for.",
        (
            "`kubectl get llm NAME -n NAMESPACE -o wide`; conditions CapacityAvailable, Reconciling and Stalled.",
            "`status.problems` groups the pods' troubles by reason; crds/reasons.md says what to do for each.",
        ),
        ("Free or add GPUs for InsufficientGPU; else follow the remedy in `status.lastFailure`.",),
    ),
    Alert(
        "LLMFleetStalled",
        'llmfleet_condition{type="Stalled"} == 1',
        5,
        "critical",
        _of_fleet("is stalled: nothing more happens until somebody changes something"),
        "Condition Stalled is True: the operator has nothing left to try.",
        "A new revision does not come up, or nothing serves at all; what served goes on serving.",
        (EXPLAIN, "The reason in Stalled; crds/reasons.md has its meaning and next step."),
        ("Correct the spec as the message says, or set a new `rollout.restartTime` to try the same again.",),
    ),
    Alert(
        "LLMFleetRequestsAborted",
        "increase(llmfleet_aborted_requests_total[15m]) > 0",
        0,
        "warning",
        _of_fleet("cut off {{ $value | humanize }} requests while pods left"),
        "A leaving pod's time was up before its last answer was finished.",
        "Users saw broken streams.",
        ("`status.drains` shows what the last pods' leaving cost, and how long they drained.",),
        ("Raise `lifecycle.drainTimeoutSeconds` above the longest answer.",),
    ),
    Alert(
        "LLMFleetFlaps",
        "sum by (namespace, name) (increase(llmfleet_scaling_decisions_total[1h])) > 12",
        0,
        "warning",
        _of_fleet("changed its size {{ $value | humanize }} times within an hour"),
        "The size changes more often than starts are worth.",
        "GPU time is spent on starts, and users feel the replicas that are missing meanwhile.",
        (EXPLAIN, "Does the load itself swing, such as a batch job every few minutes?"),
        ("Raise `minReplicas` to the higher of the two sizes, or spread the load that swings.",),
    ),
    Alert(
        "LLMFleetAPIFailures",
        "rate(llmfleet_api_failures_total[5m]) > 0.1",
        10,
        "warning",
        "the API server does not answer llmfleet: {{ $value | humanize }} failures per second",
        "Requests of the operator fail: the server is overloaded, unreachable, or refuses.",
        "Changes come late.",
        ("`kubectl logs -n llmfleet-system deploy/llmfleet` names the requests that failed.",),
        ("See to the API server. A refusal for missing rights: install the chart's roles of this version.",),
    ),
    Alert(
        "LLMFleetDefect",
        "llmfleet_defective_fleets > 0",
        5,
        "warning",
        "llmfleet fails on a defect of its own for {{ $value | humanize }} fleets",
        "The operator's look at some fleets ends in an error that nobody foresaw.",
        "These fleets serve on as they are and follow no edit and no load; all others are looked after.",
        ("`kubectl logs -n llmfleet-system deploy/llmfleet | grep 'a defect'` names it; the trace follows.",),
        ("Take back the fleet's last edit if there was one, and report the trace with the object.",),
    ),
)
