"""HTTP to the engine in the same pod: health, one real request, the guard, metrics."""

from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp

from .guard import DRAIN_PATH, NAMES_PATH, STATE_PATH, TOKEN_HEADER
from .surface import LOAD_ADAPTER_PATH, METRICS_PATH, MODELS_PATH, UNLOAD_ADAPTER_PATH

QUICK_SECONDS = 5.0
COMPLETION_SECONDS = 300.0
"""The first request of a large model may compile kernels."""

NO_ROUTE = "404"
"""Begins the answer of an engine whose model does not do what was asked."""
WORK: Mapping[str, tuple[str, Mapping[str, object]]] = {
    "Generate": ("/v1/completions", {"prompt": "Hello", "max_tokens": 1}),
    "Embed": ("/v1/embeddings", {"input": "Hello"}),
    "Score": ("/score", {"text_1": "Hello", "text_2": "Hello"}),
}
"""The smallest request of each task."""

FAILURES = (aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError, TypeError)
"""No answer, or one that is not what was asked for."""


@dataclass(frozen=True)
class GuardState:
    """``finished`` and ``aborted`` count since the drain began; ``quiet_seconds`` until nobody can miss us."""

    in_flight: int
    finished: int
    aborted: int
    quiet_seconds: float
    idle_seconds: float = 0.0
    """Since when no request is in flight; 0 while one is."""


class Loopback:
    """A client for ``http://127.0.0.1:port`` that shows the guard's token. Close it in the end."""

    def __init__(self, port: int, token: str, context_length: tuple[str, ...], task: str | None = None) -> None:
        """Needs a running loop; ``context_length`` is where an entry of the list of models tells it."""
        self._context_length = context_length
        self._work = WORK.values() if task is None else (WORK[task],)
        self._base = f"http://127.0.0.1:{port}"
        self._session = aiohttp.ClientSession(
            headers={TOKEN_HEADER.decode(): token},
            timeout=aiohttp.ClientTimeout(total=QUICK_SECONDS),
            # A connection of its own each time: an idle one may be closed by the engine just as it is used.
            connector=aiohttp.TCPConnector(force_close=True),
            trust_env=False,
        )

    async def close(self) -> None:
        """Close the session."""
        await self._session.close()

    async def health(self) -> int | None:
        """Status of ``/health``, 503 when the engine is dead behind its server; None when no answer comes in time."""
        try:
            async with self._session.get(f"{self._base}/health") as answer:
                return answer.status
        except FAILURES:
            return None

    async def try_request(self, model: str) -> str:
        """Have one piece of work done, of the task or of the first that the model does; "" or what went wrong."""
        problem = ""
        for path, body in self._work:
            problem = await self._post(path, {"model": model, **body})
            if not problem.startswith(NO_ROUTE):
                return problem
        return problem

    async def adapters(self) -> frozenset[str] | None:
        """Names of the adapters in the engine's model list; None when it does not come."""
        try:
            async with self._session.get(f"{self._base}{MODELS_PATH}") as answer:
                document = await answer.json()
                return frozenset(str(each["id"]) for each in document["data"] if each.get("parent"))
        except (*FAILURES, AttributeError):
            return None

    async def load_adapter(self, name: str, path: str) -> str:
        """Load the files at ``path`` under ``name``; "" or the engine's words."""
        return await self._post(LOAD_ADAPTER_PATH, {"lora_name": name, "lora_path": path})

    async def unload_adapter(self, name: str) -> str:
        """Forget a name; "" or the engine's words."""
        return await self._post(UNLOAD_ADAPTER_PATH, {"lora_name": name})

    async def point(self, names: Mapping[str, str]) -> bool:
        """Let the guard hand requests for these names to these adapters, and to no others; whether it heard."""
        return not await self._post(NAMES_PATH, {"names": dict(names)})

    async def _post(self, path: str, document: Mapping[str, object]) -> str:
        wait = aiohttp.ClientTimeout(total=COMPLETION_SECONDS)
        try:
            async with self._session.post(self._base + path, json=document, timeout=wait) as answer:
                text = await answer.text()
                return "" if answer.status == 200 else f"{answer.status}: {text[:300]}"
        except FAILURES as error:
            return f"{path}: {error!r}"

    async def max_model_len(self) -> int | None:
        """The context length in tokens that the engine works with."""
        try:
            async with self._session.get(f"{self._base}{MODELS_PATH}") as answer:
                found = (await answer.json())["data"][0]
                for member in self._context_length:
                    found = found[member]
                return int(found)
        except (*FAILURES, IndexError):
            return None

    async def metrics(self) -> str | None:
        """The engine's metrics page; None when it does not come."""
        try:
            async with self._session.get(f"{self._base}{METRICS_PATH}") as answer:
                return await answer.text() if answer.status == 200 else None
        except FAILURES:
            return None

    async def guard_state(self) -> GuardState | None:
        """What the guard counts; None when it does not answer."""
        return await self._guard("GET", STATE_PATH, None)

    async def drain(self, mode: str) -> GuardState | None:
        """Switch the guard to ``closing`` or ``refusing``; None when it did not hear."""
        return await self._guard("POST", DRAIN_PATH, {"mode": mode})

    async def _guard(self, method: str, path: str, document: dict[str, str] | None) -> GuardState | None:
        try:
            async with self._session.request(method, self._base + path, json=document) as answer:
                if answer.status != 200:
                    return None
                state = await answer.json()
                return GuardState(
                    in_flight=int(state["inFlight"]),
                    finished=int(state["finished"]),
                    aborted=int(state["aborted"]),
                    quiet_seconds=float(state["quietSeconds"]),
                    idle_seconds=float(state["idleSeconds"]),
                )
        except FAILURES:
            return None
