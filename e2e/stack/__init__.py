"""The running whole: a cluster, the images, the chart, and handles on what runs there."""

from .bringup import bring_up
from .fleet import Fleet
from .kubectl import Kubectl, KubectlError, NotInTime
from .sample import sample
from .stack import Stack

__all__ = ["Fleet", "Kubectl", "KubectlError", "NotInTime", "Stack", "bring_up", "sample"]
