"""How pods that fetch their model stand, by what they say of themselves before they are ready."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from llmfleet import names
from llmfleet.api.conditions import Reason
from llmfleet.api.status import Download
from llmfleet.core.pods import Health, PodView, pod_view
from llmfleet.core.trouble import Trouble, shortened
from llmfleet.core.world import Observed, Report, labels
from llmfleet_runtime.contract import REMOTE_SCHEMES, DownloadStatus

RECHECK_SECONDS = 10.0
"""Nothing tells the operator how a download goes on but the pod, when it is asked."""
STEP_PERCENT = 10


def arriving(observed: Observed) -> tuple[PodView, ...]:
    """Pods that may be fetching their model and are worth asking."""
    deployment = observed.deployment
    if deployment is None or deployment.spec.model.uri.partition("://")[0] not in REMOTE_SCHEMES:
        return ()
    return tuple(pod for pod in observed.staying() if pod.health is Health.STARTING and pod.address)


def speakers(observed: Observed) -> tuple[PodView, ...]:
    """Pods that have something to say: the ready ones, those that may be fetching their model, and makers."""
    return *(pod for pod in observed.staying() if pod.is_ready), *arriving(observed), *makers(observed)


def makers(observed: Observed) -> tuple[PodView, ...]:
    """Pods that make a checkpoint."""
    ours = (each for each in observed.inspectors if labels(each).get(names.APP_NAME_LABEL) == names.QUANTIZING_NAME)
    running = (pod_view(each) for each in ours if each.get("status", {}).get("phase") == "Running")
    return tuple(pod for pod in running if pod.address and not pod.is_leaving)


def with_arrivals(observed: Observed, reports: Mapping[str, Report]) -> Observed:
    """The same with what arriving pods said; a download that fails is their trouble."""
    found = {uid: report.status for uid, report in reports.items() if report.status}
    downloads = {uid: status.download for uid, status in found.items() if status.download}
    pods = tuple(_troubled(pod, downloads.get(pod.uid)) for pod in observed.pods)
    making = {pod.uid: found[pod.uid].message for pod in makers(observed) if pod.uid in found}
    return replace(observed, pods=pods, downloads=downloads, answered=frozenset(found), making=making)


def _troubled(pod: PodView, download: DownloadStatus | None) -> PodView:
    if download is None or download.reason is None:
        return pod
    words = shortened(download.message)
    return replace(pod, trouble=Trouble(Reason.MODEL_DOWNLOAD_FAILED, words, is_terminal=False))


def download(observed: Observed, revision: str) -> Download | None:
    """The slowest download of a revision's pods; None while none is seen."""
    found = [observed.downloads[pod.uid] for pod in observed.staying(revision) if pod.uid in observed.downloads]
    if not found:
        return None
    percent = min(each.percent or 0 for each in found)
    retries = [each.retry_at for each in found if each.retry_at is not None]
    return Download(
        percent=percent - percent % STEP_PERCENT,
        retry_time=datetime.fromtimestamp(min(retries), UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if retries else None,
    )


def recheck_after(observed: Observed) -> float | None:
    """Seconds until pods that fetch their model, or may be about to, are asked again."""
    silent = (pod for pod in arriving(observed) if pod.uid not in observed.answered)
    return RECHECK_SECONDS if observed.downloads or any(True for _ in silent) else None
