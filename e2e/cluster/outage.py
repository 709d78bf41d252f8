"""A control plane that lacks a part for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

from e2e.cluster import processes
from e2e.cluster.bootstrap import Bootstrap
from e2e.cluster.cluster import Cluster
from e2e.cluster.progress import Silent


@contextmanager
def without(cluster: Cluster, component: str) -> Iterator[None]:
    """Kill etcd or the API server before the block, and start it again on the data that it left after it."""
    processes.kill(cluster.run_dir, lambda process: process.component == component)
    try:
        yield
    finally:
        Bootstrap(cluster.profile, (), Silent()).start_again(component)
