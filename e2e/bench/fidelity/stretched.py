"""A rule of minutes on a fleet of seconds: whoever sizes it is shown a faster clock, and latencies by that clock."""

from collections.abc import Sequence

from llmfleet.core.simulation.run import Page, Scaler
from llmfleet_runtime.contract import LoadReport, Totals


class Stretched:
    """A scaler that lives in another time, and is given so many replicas at most."""

    def __init__(self, scaler: Scaler, times: float, most: int) -> None:
        """Its second is ``1 / times`` of ours."""
        self._scaler, self._times, self._most = scaler, times, most

    @property
    def every_seconds(self) -> float:
        """See ``run.Scaler``."""
        return self._scaler.every_seconds / self._times

    def size(self, pages: Sequence[Page], size: int, now: float) -> tuple[int, str]:
        """See ``run.Scaler``."""
        seen = [Page(each.pod, longer(each.said, self._times)) for each in pages]
        wanted, why = self._scaler.size(seen, size, now * self._times)
        return min(wanted, self._most), why


def longer(said: LoadReport | str | None, times: float) -> LoadReport | str | None:
    """The same page with seconds that are so many times as many; the engine's start only tells engines apart."""
    if not isinstance(said, LoadReport):
        return said
    idle = said.idle_seconds
    return said.model_copy(
        update={
            "idle_seconds": None if idle is None else idle * times,
            "time_to_first_token": _longer(said.time_to_first_token, times),
            "time_per_output_token": _longer(said.time_per_output_token, times),
            "request_time_per_output_token": _longer(said.request_time_per_output_token, times),
        }
    )


def _longer(totals: Totals | None, times: float) -> Totals | None:
    if totals is None:
        return None
    buckets = None if totals.buckets is None else tuple((bound * times, upto) for bound, upto in totals.buckets)
    return Totals(sum=totals.sum * times, count=totals.count, buckets=buckets)
