"""Bringing a cluster up and taking it down."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

from e2e.cluster import build, containers, layout, machine, packages, preflight, processes
from e2e.cluster.bootstrap import Bootstrap
from e2e.cluster.cluster import Cluster
from e2e.cluster.errors import ClusterError
from e2e.cluster.layout import Profile
from e2e.cluster.lock import hold
from e2e.cluster.progress import Report, Silent
from e2e.cluster.sweep import footprint_path, sweep

# Written last: a folder without it belongs to a start that never finished.
_READY = "cluster.json"


def up(profile: Profile, *, binds: tuple[Path, ...] = (), report: Report | None = None) -> Cluster:
    """Start the cluster of `profile`, or return the one that runs; a half started one is taken away first.

    `binds` are host paths that every container of profile full sees read-only; new ones join those already shown.
    Raises ClusterError, before any change when the machine does not fit.
    """
    report = report or Silent()
    with _alone(report):
        running = find(profile)
        if running:
            _show_more(running, binds, report)
            report.say(f"profile {profile} is already running: {running.kubeconfig}")
            return running
        _refuse(profile, binds)
        _provide(profile, report)
        if layout.run_dir(profile).exists():
            with report.step("take away what an earlier start left", then="start"):
                sweep(profile)
        _refuse(profile, binds)
        cluster = Bootstrap(profile, binds, report).run()
        _remember(cluster, binds)
        return cluster


def down(profile: Profile | None = None, *, report: Report | None = None) -> None:
    """Take the cluster of `profile`, or all of them, away, leaving the machine as it was; nothing there is fine."""
    report = report or Silent()
    with _alone(report):
        for chosen in [profile] if profile else list(Profile):
            if layout.run_dir(chosen).exists() or (chosen is Profile.FULL and footprint_path().exists()):
                with report.step(f"take down profile {chosen}"):
                    sweep(chosen)
        if not profile:
            processes.kill(layout.cluster_dir())  # Builds whose `up` was killed.


def find(profile: Profile) -> Cluster | None:
    """Return the running cluster of `profile`: completely started, every component alive, answering; or None."""
    cluster = Cluster(profile)
    # Without our own kubectl it is a cluster of other versions, started before they were raised.
    if not (cluster.run_dir / _READY).exists() or not (cluster.bin / "kubectl").exists() or dead(cluster):
        return None
    return cluster if cluster.kubectl("get", "--raw=/readyz", check=False, timeout=10) == "ok" else None


def dead(cluster: Cluster) -> frozenset[str]:
    """Return the components of `cluster` that have no process."""
    alive = {process.component for process in processes.running(cluster.run_dir) if process.is_daemon}
    return Bootstrap.components(cluster.profile) - alive


def _refuse(profile: Profile, binds: tuple[Path, ...]) -> None:
    found = preflight.problems(machine.examine(profile, binds), profile)
    if found:
        raise ClusterError("\n".join(found))


def _provide(profile: Profile, report: Report) -> None:
    """Get packages and binaries at the same time: one waits for the network while the other compiles."""
    jobs: list[Callable[[Report], None]] = [lambda report: build.build(profile, report)]
    if profile is Profile.FULL:
        jobs.append(packages.install)
    with ThreadPoolExecutor(len(jobs)) as pool:
        for result in [pool.submit(job, report) for job in jobs]:
            result.result()


def _remember(cluster: Cluster, binds: tuple[Path, ...]) -> None:
    content = {"binds": [str(path) for path in binds], "started": time.time()}
    (cluster.run_dir / _READY).write_text(json.dumps(content))


def _show_more(cluster: Cluster, binds: tuple[Path, ...], report: Report) -> None:
    """Restart containerd when it is to show more of the host; running containers stay as they are."""
    shown = tuple(map(Path, json.loads((cluster.run_dir / _READY).read_text())["binds"]))
    new = tuple(path for path in binds if path not in shown)
    if not new or cluster.profile is not Profile.FULL:
        return
    for path in new:
        if not path.exists():
            raise ClusterError(f"To be shown to containers but not there: {path}. Make it first.")
    with report.step(f"restart containerd to show {', '.join(map(str, new))}"):
        containers.show(cluster.run_dir, (*shown, *new))
        Bootstrap(cluster.profile, (*shown, *new), report).restart_containerd()
        _remember(cluster, (*shown, *new))


def _alone(report: Report) -> AbstractContextManager[None]:
    """One `up` or `down` at a time."""
    return hold(layout.cache() / "cluster.lock", lambda: report.step("wait for another up or down to finish"))
