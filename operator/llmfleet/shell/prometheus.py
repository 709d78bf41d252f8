"""A PromQL-compatible server as a source of load: asked in threads of its own, bounded in time and size."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests
import urllib3
from prometheus_api_client import PrometheusApiClientException, PrometheusConnect
from requests.auth import AuthBase, HTTPBasicAuth
from urllib3.util.retry import Retry

from llmfleet.core.pods import PodView
from llmfleet.core.scaling.sample import Sample
from llmfleet.core.scaling.series import NotAnAnswer, Points, Scrape, points, query, samples
from llmfleet.settings import MetricsSource
from llmfleet.shell.ports import Key, SourceUnavailable

LARGEST_ANSWER_BYTES = 16 * 1024 * 1024
"""About 700 pods."""
THREADS = 4
PIECE_BYTES = 65_536
NO_ANSWER = "answers what no PromQL server does"
UNANSWERED_FLEETS = 4
"""So many in a row without any answer, and it is the server that does not answer. A question may ask for too much."""


class Unanswered(SourceUnavailable):
    """No answer came, be it for want of time, of a connection or of something to sign in with."""


class Prometheus:
    """One server. A bad answer is the trouble of the fleet that asked; silence, of several in a row, the server's.

    While nobody is answered, one fleet asks each interval, whatever the number of fleets.
    """

    def __init__(self, source: MetricsSource, wall_clock: Callable[[], float] = time.time) -> None:
        """Nothing is asked yet; ``wall_clock`` gives Unix time."""
        self.scrape = Scrape(source.namespace_label, source.pod_label, source.interval_seconds)
        self._source, self._now = source, wall_clock
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix=f"source-{source.name}")
        self._own = threading.local()
        self._failure, self._failed = "", -float("inf")
        self._unanswered: set[Key] = set()
        """Fleets that asked in vain since the last answer to any."""

    async def close(self) -> None:
        """Questions under way are left to end by themselves."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def samples(self, key: Key, pods: Sequence[PodView]) -> tuple[Sample, ...]:
        """A sample for each pod, in order. Raises ``SourceUnavailable`` with the cause in words that do not change."""
        if time.monotonic() - self._failed < self.scrape.interval:
            raise SourceUnavailable(self._failure)
        try:
            found = await self._answer(key, pods)
        except Unanswered as error:
            self._remember(key, str(error))
            raise
        except SourceUnavailable:
            self._unanswered.clear()
            raise
        self._unanswered.clear()
        return found

    async def _answer(self, key: Key, pods: Sequence[PodView]) -> tuple[Sample, ...]:
        try:
            async with asyncio.timeout(self._source.timeout_seconds):
                return await asyncio.get_running_loop().run_in_executor(self._pool, self._read, key, pods)
        except TimeoutError as error:
            raise Unanswered(self._said("gave no answer in time")) from error

    def _remember(self, key: Key, words: str) -> None:
        self._unanswered.add(key)
        if len(self._unanswered) >= UNANSWERED_FLEETS:
            self._failure, self._failed = words, time.monotonic()

    def _read(self, key: Key, pods: Sequence[PodView]) -> tuple[Sample, ...]:
        found = self.ask(query(key.namespace, key.name, self.scrape))
        return samples(found, [(pod.name, pod.uid) for pod in pods], self.scrape, self._now())

    def ask(self, question: str, **parameters: str) -> tuple[Points, ...]:
        """The points that a range selector finds; blocks. Raises ``SourceUnavailable``."""
        try:
            return points(self._connection().custom_query(question, params=parameters))
        except (requests.ConnectionError, requests.Timeout) as error:
            raise Unanswered(self._said(_cause(error))) from error
        except (PrometheusApiClientException, requests.RequestException) as error:
            raise SourceUnavailable(self._said(_cause(error))) from error
        except (NotAnAnswer, ValueError, KeyError, TypeError, RecursionError) as error:
            raise SourceUnavailable(self._said(NO_ANSWER)) from error
        except OSError as error:
            raise Unanswered(self._said(f"cannot be asked: {str(error)[:160]}")) from error

    def _connection(self) -> PrometheusConnect:
        """One for each thread: a session serves one at a time."""
        if not hasattr(self._own, "connection"):
            session = Bounded(self._source)
            self._own.connection = PrometheusConnect(self._source.url, session=session, retry=Retry(total=0))
        connection: PrometheusConnect = self._own.connection
        return connection

    def _said(self, words: str) -> str:
        return f"metrics source {self._source.name} {words}".strip()


class Bounded(requests.Session):
    """A session that reads no answer without end, follows no redirect, and signs in by files that may change."""

    def __init__(self, source: MetricsSource) -> None:
        """Nothing is read yet."""
        super().__init__()
        self.trust_env = False
        self.verify = source.ca_file or True
        self.auth = SignIn(source)
        self.headers["Accept-Encoding"] = "identity"
        self._seconds = source.timeout_seconds

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        """As requests does it, with the body read up to the limits."""
        deadline = time.monotonic() + self._seconds
        kwargs |= {"stream": True, "allow_redirects": False, "timeout": self._seconds}
        with super().request(method, url, *args, **kwargs) as response:
            response._content = _body(response, deadline)  # noqa: SLF001 because the library offers no bound
            return response


class SignIn(AuthBase):
    """Reads token or password before each question: both may be rotated."""

    def __init__(self, source: MetricsSource) -> None:
        """Nothing is read yet."""
        self._source = source

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """See requests."""
        source = self._source
        if source.bearer_token_file:
            request.headers["Authorization"] = f"Bearer {_secret(source.bearer_token_file)}"
        elif source.username:
            HTTPBasicAuth(source.username, _secret(source.password_file))(request)
        return request


def _secret(path: str) -> str:
    return Path(path).read_text(encoding="utf-8").strip()


class TooLarge(requests.RequestException):
    """An answer beyond what is read."""


def _body(response: requests.Response, deadline: float) -> bytes:
    body = bytearray()
    while piece := _piece(response):
        body += piece
        if len(body) > LARGEST_ANSWER_BYTES:
            raise TooLarge
        if time.monotonic() > deadline:
            raise requests.Timeout
    return bytes(body)


def _piece(response: requests.Response) -> bytes:
    """What has come of the body; nothing at its end. Below requests, urllib3 has errors of its own."""
    try:
        piece: bytes = response.raw.read1(PIECE_BYTES)
    except urllib3.exceptions.ReadTimeoutError as error:
        raise requests.Timeout from error
    except urllib3.exceptions.HTTPError as error:
        raise requests.ConnectionError from error
    return piece


def _cause(error: Exception) -> str:
    """In words without addresses of objects: they end in a status."""
    if isinstance(error, PrometheusApiClientException):
        return f"refused: {str(error)[:160]}"
    words = next((words for kind, words in CAUSES if isinstance(error, kind)), None)
    return words or f"cannot be asked: {type(error).__name__}"


CAUSES: tuple[tuple[type[Exception], str], ...] = (
    (requests.JSONDecodeError, NO_ANSWER),
    (requests.exceptions.SSLError, "shows a certificate that is not trusted"),
    (TooLarge, f"answers more than {LARGEST_ANSWER_BYTES // 2**20} MiB"),
    (requests.Timeout, "gave no answer in time"),
    (requests.ConnectionError, "cannot be reached"),
)
"""Sharper kinds first."""
