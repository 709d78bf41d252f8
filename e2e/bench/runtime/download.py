"""The downloading process against the plain call of the library it uses, on the same server, alternating."""

import contextlib
import hashlib
import json
import os
import statistics
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from e2e.bench.row import Row
from e2e.cluster.progress import Report
from e2e.engine import clients, install

from .hub import REPOSITORY
from .sites import KEYS, ROOT, hub, image_registry, object_store, put, web_site

LEAST_RATIO = 0.9
MOST_MEBIBYTES = 200
POLL_SECONDS = 0.02
FILES = 4
WEB_MEBIBYTES = 1024
"""So much that the start of a process does not count."""
HUB_MEBIBYTES = 1024
REGISTRY_MEBIBYTES = 1024
STORE_MEBIBYTES = 256
"""moto holds it in memory, and copies all of a file for each part that is asked for."""

PLAIN_WEB = """
import hashlib, requests, sys, tarfile
uri, folder = sys.argv[1:]
with requests.get(uri, stream=True) as answer, open(folder + "/model.tar", "wb") as file:
    for piece in answer.iter_content(2**20):
        file.write(piece)
with open(folder + "/model.tar", "rb") as file:
    hashlib.file_digest(file, "sha256")
with tarfile.open(folder + "/model.tar") as archive:
    archive.extractall(folder)
"""
PLAIN_HUB = """
import sys
from huggingface_hub import snapshot_download
snapshot_download(sys.argv[1].removeprefix("hf://"))
"""
PLAIN_STORE = """
import boto3, os, sys
uri, folder = sys.argv[1:]
bucket, _, prefix = uri.removeprefix("s3://").partition("/")
store = boto3.client("s3")
for each in store.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]:
    store.download_file(bucket, each["Key"], os.path.join(folder, os.path.basename(each["Key"])))
"""
PLAIN_REGISTRY = """
import oras.client, sys
uri, folder = sys.argv[1:]
oras.client.OrasClient(insecure=True).pull(target=uri.removeprefix("oci://"), outdir=folder)
"""
PUSH = """
import oras.client, os, sys
target, folder = sys.argv[1:]
os.chdir(folder)
oras.client.OrasClient(insecure=True).push(target=target, files=sorted(os.listdir()))
"""


@dataclass(frozen=True)
class Case:
    """One source, and the plain way to do the same."""

    name: str
    uri: str
    plain: str
    mebibytes: int
    sha256: str | None = None


@dataclass(frozen=True)
class Taken:
    """What one process took."""

    seconds: float
    mebibytes: float


def run(report: Report, runs: int) -> tuple[Row, ...]:
    """Serve models from each kind of server and fetch them in turn."""
    with tempfile.TemporaryDirectory(prefix="llmfleet-bench-") as folder, _served(Path(folder)) as cases:
        rows = []
        for case in cases:
            pairs = []
            for number in range(1, runs + 1):
                with report.step(f"{case.name}: run {number} of {runs}"):
                    pairs.append((_ours(case, Path(folder)), _plain(case, Path(folder))))
            rows += judge(case, pairs)
        return tuple(rows)


def judge(case: Case, pairs: list[tuple[Taken, Taken]]) -> list[Row]:
    """Rows from (ours, plain) of each run."""
    name, size = case.name, case.mebibytes
    ours, plain = ([each[which].seconds for each in pairs] for which in (0, 1))
    memory = max(each.mebibytes for each, _ in pairs)
    return [
        Row(f"{name}: llmfleet, median", size / statistics.median(ours), "MiB/s"),
        Row(f"{name}: plain library call, median", size / statistics.median(plain), "MiB/s"),
        Row.at_least(
            f"{name}: throughput / plain", statistics.median(plain) / statistics.median(ours), "", LEAST_RATIO
        ),
        Row.at_most(f"{name}: largest memory", memory, "MiB", MOST_MEBIBYTES),
    ]


@contextlib.contextmanager
def _served(folder: Path) -> Iterator[tuple[Case, ...]]:
    archive = folder / "web.tar"
    with tarfile.open(archive, "w") as packed:
        packed.add(_model(folder / "web", WEB_MEBIBYTES), "web")
    with archive.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    model = _model(folder / "hub", HUB_MEBIBYTES)
    with (
        web_site(folder) as web,
        object_store() as store,
        hub(model) as repositories,
        image_registry(folder / "blobs") as registry,
    ):
        artifact = f"{registry}/bench/model:v1"
        _taken(str(folder), "-c", PUSH, artifact, str(_model(folder / "artifact", REGISTRY_MEBIBYTES)))
        put(store, "bench", _model(folder / "store", STORE_MEBIBYTES))
        os.environ |= {**KEYS, "AWS_ENDPOINT_URL": store, "HF_ENDPOINT": repositories}
        yield (
            Case("http", f"{web}/web.tar", PLAIN_WEB, WEB_MEBIBYTES, sha256),
            Case("hf", f"hf://{REPOSITORY}", PLAIN_HUB, HUB_MEBIBYTES),
            Case("oci", f"oci://{artifact}", PLAIN_REGISTRY, REGISTRY_MEBIBYTES),
            Case("s3", "s3://bench/store", PLAIN_STORE, STORE_MEBIBYTES),
        )


def _model(folder: Path, mebibytes: int) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    for number in range(FILES):
        (folder / f"model-{number}.safetensors").write_bytes(os.urandom(mebibytes // FILES * 2**20))
    return folder


def _ours(case: Case, folder: Path) -> Taken:
    with tempfile.TemporaryDirectory(dir=folder) as cache:
        request = {"uri": case.uri, "cache": cache} | ({"sha256": case.sha256} if case.sha256 else {})
        return _taken(cache, "-P", "-m", "llmfleet_runtime.sources", json.dumps(request))


def _plain(case: Case, folder: Path) -> Taken:
    with tempfile.TemporaryDirectory(dir=folder) as place:
        return _taken(place, "-c", case.plain, case.uri, place)


def _taken(cache: str, *arguments: str) -> Taken:
    paths = os.pathsep.join((str(clients()), str(ROOT / "runtime")))
    began = time.monotonic()
    process = subprocess.Popen(
        (str(install() / "bin" / "python"), *arguments),
        env={**os.environ, "PYTHONPATH": paths, "HF_HOME": cache},
        stdout=subprocess.DEVNULL,
    )
    peak = 0
    while process.poll() is None:
        peak = max(peak, _peak(process.pid))
        time.sleep(POLL_SECONDS)
    if process.returncode:
        raise RuntimeError(f"{arguments[:3]} ended with {process.returncode}")
    return Taken(time.monotonic() - began, peak / 1024)


def _peak(pid: int) -> int:
    """The most memory it has had, KiB. Not what the kernel says at its end: that counts the bench's own, too."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)
