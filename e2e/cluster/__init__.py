"""A real Kubernetes on one machine, for the tests and the demo: built from Go modules, gone without a trace."""

from e2e.cluster.cluster import Cluster
from e2e.cluster.errors import ClusterError
from e2e.cluster.layout import Profile
from e2e.cluster.lifecycle import down, find, up

__all__ = ["Cluster", "ClusterError", "Profile", "down", "find", "up"]
