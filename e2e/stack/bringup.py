"""Brings the whole stack up: engine, cluster, images, model, chart. What needs nothing of another overlaps."""

import sys
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from e2e import cluster as clusters
from e2e import engine
from e2e.cluster import Cluster, ClusterError, Profile, build, layout, machine, packages, preflight
from e2e.cluster.lock import hold
from e2e.cluster.progress import Report

from . import chart, images, volume
from .kubectl import Kubectl
from .stack import Stack

CRD = "crd/llmdeployments.llmfleet.io"


def bring_up(report: Report, settings: Mapping[str, int | str] = chart.SHORT_WINDOWS) -> Stack:
    """Return the running stack, making what is missing; seconds when nothing changed. One at a time on a machine."""
    with hold(layout.cache() / "stack.lock", lambda: report.step("wait for another demo, test or bench to come up")):
        refuse_unfit_machine()
        cluster, built = provide(report)
        kubectl = Kubectl(str(cluster.bin / "kubectl"), cluster.environment)
        volume.provide(cluster, kubectl)
        operator, runtime = load_images(cluster, built, report)
        told = {**settings, "quantizeImage": images.quantize_name()}
        install_chart(cluster, kubectl, operator, runtime, told, report)
        return Stack(kubectl, cluster)


def provide(report: Report) -> tuple[Cluster, tuple[images.Built, images.Built]]:
    """The cluster, seeing the engine, and the images; what needs nothing of another overlaps."""
    with ThreadPoolExecutor(3) as pool:
        venv = pool.submit(install_engine, report)
        # What the images need comes first; then the programs are compiled while wheels are fetched.
        packages.install(report)
        built = pool.submit(build_images, venv, report)
        build.build(Profile.FULL, report)
        binds = (venv.result(), engine.clients(), Path(sys.base_prefix))
        return clusters.up(Profile.FULL, binds=binds, report=report), built.result()


def refuse_unfit_machine() -> None:
    """Say what is wrong with the machine before anything on it is changed."""
    if clusters.find(Profile.FULL) is None:
        found = preflight.problems(machine.examine(Profile.FULL, ()), Profile.FULL)
        if found:
            raise ClusterError("\n".join(found))


def install_engine(report: Report) -> Path:
    """The environment of vLLM; its own lines are shown as facts."""
    if (engine.engine_folder() / "complete").exists():
        return engine.install(lambda _: None)
    with report.step("install vLLM for the CPU", then="cluster"):
        return engine.install(report.say)


def build_images(venv: "Future[Path]", report: Report) -> tuple[images.Built, images.Built]:
    """Build both images, one after the other: they share layers and buildah's lock."""
    with report.step("build the operator's image"):
        operator = images.build_operator()
    engine_path = venv.result()
    with report.step("build the runtime's image"):
        return operator, images.build_runtime(engine_path)


def load_images(cluster: Cluster, built: tuple[images.Built, images.Built], report: Report) -> tuple[str, str]:
    """Give both images to the node and return their names."""
    with report.step("import the images", then="chart"):
        return images.load(cluster, built[0]), images.load(cluster, built[1])


def install_chart(
    cluster: Cluster,
    kubectl: Kubectl,
    operator: str,
    runtime: str,
    settings: Mapping[str, int | str],
    report: Report,
) -> None:
    """Install the chart unless exactly this is installed and alive."""
    wanted = chart.fingerprint(operator, runtime, settings)
    installed = cluster.run_dir / "installed-chart"
    if installed.exists() and installed.read_text() == wanted and chart.is_available(kubectl):
        return
    with report.step("install the chart and wait for the operator"):
        chart.install(str(cluster.bin / "helm"), kubectl, operator, runtime, settings)
        kubectl.run("wait", CRD, "--for=condition=Established", "--timeout=30s")
        installed.write_text(wanted)
