"""A load generator that counts every request: no retries, so that each failure a client sees is a failure."""

from .drive import Background, Plan, drive
from .report import Report
from .request import Outcome

__all__ = ["Background", "Outcome", "Plan", "Report", "drive"]
