"""LoRA adapters: what the pods shall serve, and how they stand by the pods' own reports.

An adapter is ready when every ready pod serves the wanted version: the Service hands a request to any of them. It has
failed when a pod of the revision to run says so; one of an earlier revision, with less room, counts as not there yet.
What no report tells is never ready.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from llmfleet.api.conditions import MEANINGS, ConditionType, Reason, condition
from llmfleet.api.lora import Adapter as SpecAdapter
from llmfleet.api.status import AdapterFailure, AdaptersStatus, Condition, ConditionStatus
from llmfleet.api.v1alpha1 import LLMDeployment
from llmfleet.core.world import Observed
from llmfleet_runtime.contract import Adapter, AdapterReason, AdapterState, AdapterStatus, LiveConfig, LoraLimits

MOST_FAILURES = 10
MESSAGE_CHARACTERS = 256
LOADING_RECHECK_SECONDS = 2.0
FAILED_RECHECK_SECONDS = 10.0
"""No event of the cluster tells when a pod has loaded an adapter, so the pods are asked again."""


@dataclass(frozen=True)
class Standing:
    """How the wanted adapters stand over all ready pods."""

    ready: int = 0
    loading: int = 0
    unknown: int = 0
    """Of ``loading``, those that a ready pod says nothing of."""
    pods: int = 0
    failed: tuple[AdapterFailure, ...] = ()

    @property
    def is_loading(self) -> bool:
        """Whether a pod says that it is at it; one that says nothing is no news."""
        return self.loading > self.unknown

    @property
    def wanted(self) -> int:
        """All of them."""
        return self.ready + self.loading + len(self.failed)


def limits(deployment: LLMDeployment) -> LoraLimits | None:
    """What the engine reserves; None when it takes no adapters."""
    lora = deployment.spec.lora
    if lora is None:
        return None
    return LoraLimits(max_adapters=lora.max_adapters, max_per_batch=lora.max_per_batch, max_rank=lora.max_rank)


def wanted(deployment: LLMDeployment) -> tuple[Adapter, ...] | None:
    """What the live document says; None when the spec says nothing of adapters."""
    lora = deployment.spec.lora
    return None if lora is None else tuple(_adapter(each) for each in lora.adapters)


def _adapter(each: SpecAdapter) -> Adapter:
    return Adapter(name=each.name, uri=each.uri, revision=each.revision)


def changes(old: LiveConfig | None, new: LiveConfig) -> str:
    """What a new live document does to the adapters of running pods, for people; empty when nothing."""
    before = {each.name: each for each in (old.adapters if old else None) or ()}
    after = {each.name: each for each in new.adapters or ()}
    kinds = {
        "loads": [name for name in after if name not in before],
        "replaces": [name for name in after if name in before and after[name] != before[name]],
        "unloads": [name for name in before if name not in after] if new.adapters is not None else [],
    }
    return "; ".join(f"{verb} {', '.join(names)}" for verb, names in kinds.items() if names)


def growth(old_document: str, new_document: str) -> str:
    """What a new revision brings when its engine document has more room than the old one's; empty when it has not."""
    before, after = (json.loads(each).get("lora") for each in (old_document, new_document))
    if not before or not after or before["maxAdapters"] >= after["maxAdapters"]:
        return ""
    return (
        f"room for {after['maxAdapters']} adapters instead of {before['maxAdapters']}, which a pod has from its start"
    )


def standing(observed: Observed, revision: str) -> Standing:
    """How the spec's adapters stand; ``revision`` is the one to run."""
    deployment = observed.deployment
    adapters = (wanted(deployment) if deployment else None) or ()
    pods = sum(pod.is_ready for pod in observed.staying())
    states = [(each, [*_states(observed, revision, each)]) for each in adapters]
    broken = [(each, found) for each, found in states if any(status for _, status in found)]
    whole = [found for _, found in states if not any(status for _, status in found)]
    ready = sum(bool(found) and all(state is AdapterState.LOADED for state, _ in found) for found in whole)
    return Standing(
        ready=ready,
        loading=len(whole) - ready,
        unknown=sum(not found or any(state is None for state, _ in found) for found in whole),
        pods=pods,
        failed=tuple(_failure(each, [status for _, status in found if status]) for each, found in broken),
    )


def _states(
    observed: Observed, revision: str, adapter: Adapter
) -> Iterator[tuple[AdapterState | None, AdapterStatus | None]]:
    """One adapter in each ready pod: its state, None when unknown, and the failure where it counts."""
    for pod in observed.staying():
        if not pod.is_ready:
            continue
        report = observed.reports.get(pod.uid)
        if report is None or report.status is None:
            yield None, None
            continue
        found = next((each for each in report.status.adapters or () if each.name == adapter.name), None)
        if found is None or found.key != adapter.key:
            yield AdapterState.LOADING, None
        else:
            has_failed = found.state is AdapterState.FAILED and pod.revision == revision
            yield found.state, found if has_failed else None


def _failure(adapter: Adapter, failures: list[AdapterStatus]) -> AdapterFailure:
    first = failures[0]
    return AdapterFailure(
        name=adapter.name,
        reason=str(_reason(first)),
        message=first.message[:MESSAGE_CHARACTERS],
        pods=len(failures),
    )


def _reason(failure: AdapterStatus) -> Reason:
    """A later runtime may know reasons that we do not."""
    known = {each.value for each in AdapterReason}
    return Reason(failure.reason) if failure.reason in known else Reason.ADAPTER_REFUSED


def adapters_status(found: Standing) -> AdaptersStatus | None:
    """The part of the status; None while no adapter is wanted."""
    if not found.wanted:
        return None
    return AdaptersStatus(
        summary=f"{found.ready}/{found.wanted}",
        ready=found.ready,
        loading=found.loading,
        failed=found.failed[:MOST_FAILURES],
    )


def adapters_ready(found: Standing, generation: int) -> Condition:
    """The condition AdaptersReady."""

    def of(status: ConditionStatus, reason: Reason, message: str) -> Condition:
        return condition(ConditionType.ADAPTERS_READY, status, reason, message, generation)

    told = f"{found.ready} of {found.wanted} adapters are served by every ready pod"
    if not found.wanted:
        return of(ConditionStatus.TRUE, Reason.NO_ADAPTERS, "")
    if found.failed:
        first = found.failed[0]
        words = f"{told}; {first.name} fails on {first.pods} of {found.pods} pods: {first.message}"
        return of(ConditionStatus.FALSE, Reason(first.reason), f"{words} | {MEANINGS[Reason(first.reason)]}")
    if found.unknown:
        return of(ConditionStatus.UNKNOWN, Reason.ADAPTERS_UNKNOWN, f"{found.pods} pods are ready; {told}")
    if found.loading:
        return of(ConditionStatus.FALSE, Reason.ADAPTERS_LOADING, told)
    return of(ConditionStatus.TRUE, Reason.ADAPTERS_LOADED, told)


def recheck_after(found: Standing) -> float | None:
    """Seconds until the pods are worth asking again; None when nothing is expected of them."""
    if not found.pods or found.ready == found.wanted:
        return None
    return LOADING_RECHECK_SECONDS if found.loading else FAILED_RECHECK_SECONDS
