"""What a revision was foretold to take, what its engine then had, and what the difference teaches."""

from llmfleet import names
from llmfleet.api.foretold import FitStatus, Learned
from llmfleet.core.instant import elapsed
from llmfleet.core.plan import Ref
from llmfleet.core.world import Observed
from llmfleet_runtime.contract import RuntimeStatus

LEARN_SECONDS = 600.0
LEARN_PERCENT = 10
PLAUSIBLE_PERCENT = range(50, 201)
"""What is beyond is no error of an estimate: the engine ran on something else than was foretold."""
MOST_LEARNED = 4


def fit_status(observed: Observed, revision: str, now: str) -> FitStatus | None:
    """The part of the status; None where nothing was foretold and nothing was ever learned."""
    past = observed.status.fit
    learned = past.learned if past else ()
    if not revision or observed.deployment is None:
        return past
    record = observed.children.get(Ref("ControllerRevision", names.revision_name(observed.deployment.name, revision)))
    kept = ((record or {}).get("data", {}).get("model") or {}).get("fit")
    if not kept:
        return FitStatus(learned=learned) if learned else None
    foretold = FitStatus.model_validate(kept)
    report = _report(observed, revision)
    if report is None or not report.kv_cache_tokens or not foretold.kv_tokens_predicted:
        return foretold.model_copy(update={"learned": learned})
    percent = round(100 * report.kv_cache_tokens / foretold.kv_tokens_predicted)
    return foretold.model_copy(
        update={
            "kv_tokens_measured": report.kv_cache_tokens,
            "measured_percent": percent,
            "learned": _learn(learned, report.engine_version, percent * (foretold.learned_percent or 100) // 100, now),
        }
    )


def _report(observed: Observed, revision: str) -> RuntimeStatus | None:
    """Of the first ready pod that knows its cache; all of a revision are alike."""
    ready = [pod for pod in observed.staying(revision) if pod.is_ready and pod.uid in observed.reports]
    found = (observed.reports[pod.uid].status for pod in ready)
    return next((each for each in found if each and each.kv_cache_tokens), None)


def _learn(learned: tuple[Learned, ...], version: str | None, percent: int, now: str) -> tuple[Learned, ...]:
    """Only what differs by more than a tenth and is plausible, and at most every ten minutes."""
    if not version or percent not in PLAUSIBLE_PERCENT:
        return learned
    known = next((each for each in learned if each.engine_version == version), None)
    before = known.percent if known else 100
    is_soon = known is not None and elapsed(known.time, now) < LEARN_SECONDS
    if is_soon or abs(percent - before) * 100 <= LEARN_PERCENT * before:
        return learned
    others = tuple(each for each in learned if each.engine_version != version)
    return (*others, Learned(engine_version=version, percent=percent, time=now))[-MOST_LEARNED:]
