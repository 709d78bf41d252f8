"""One vLLM engine, step by step: continuous batching, chunked prefill, a bounded cache, preemption by recomputing.

Scheduling is that of vLLM's V1 engine (``vllm/v1/core/sched/scheduler.py``): running sequences first, then prompts in
order of arrival while sequences, cache and the step's token budget allow; without a free block the latest sequence is
sent back to the head of the queue. While no prompt waits, whole runs of equal steps are taken at once, which is what
makes the model fast; a sequence is known by the number of the step in which it ends.
"""

import math
from collections import deque
from heapq import heappop, heappush

from llmfleet.core.simulation.counters import Counters
from llmfleet.core.simulation.profile import Profile
from llmfleet.core.simulation.request import Request
from llmfleet_runtime.contract import LoadReport

BLOCK_WASTE = 8
"""Half a block of 16 tokens is lost to each sequence."""


class Replica:
    """Mutable for speed. ``advance`` is called when ``due`` has come."""

    __slots__ = (
        "_admitted",
        "_context",
        "_ending",
        "_finishing",
        "_idle_since",
        "_planned",
        "_prefilling",
        "_serial",
        "_since",
        "_step",
        "counters",
        "due",
        "number",
        "outstanding",
        "profile",
        "waiting",
    )

    def __init__(self, profile: Profile, number: int, now: float) -> None:
        """An engine that has just started, with an empty cache."""
        self.profile = profile
        self.number = number
        self.counters = Counters(now)
        self.due = math.inf
        """When the running step, or run of steps, ends; infinite while idle."""
        self.outstanding = 0
        """Requests that have come and not ended."""
        self.waiting: deque[Request] = deque()
        self._ending: list[tuple[int, int, Request]] = []
        """Decoding sequences by the step in which they end."""
        self._admitted: list[Request] = []
        """Prompts of the running step."""
        self._finishing: list[Request] = []
        """Those of them that it completes."""
        self._prefilling = 0
        self._context = 0
        self._step = 0
        self._planned = 0
        self._since = now
        self._serial = 0
        self._idle_since = now

    @property
    def running(self) -> int:
        """Sequences in the batch, prompts among them."""
        return self.outstanding - len(self.waiting)

    @property
    def cached(self) -> int:
        """Tokens whose blocks are taken."""
        return self._context + sum(each.known for each in self._admitted) + BLOCK_WASTE * self.running

    def report(self, now: float) -> LoadReport:
        """What ``GET /load`` answers."""
        idle = 0.0 if self.outstanding else now - self._idle_since
        used = min(1.0, self.cached / self.profile.kv_tokens)
        return self.counters.report(self.running, len(self.waiting), used, idle)

    def submit(self, request: Request, now: float) -> bool:
        """Queue a request. True when ``due`` has changed."""
        self.outstanding += 1
        self.waiting.append(request)
        if self.due == math.inf:
            self._since = now
            self._plan()
            return True
        if self._prefilling or len(self.waiting) > 1:
            return False
        return self._cut(now)

    def advance(self) -> list[Request]:
        """End the planned steps, at ``due``, and plan the next; the requests that have ended."""
        ending = self._ending
        alive, steps = len(ending), self._planned
        now = self.due
        self._step += steps
        self._context += alive * steps
        self.counters.tokens(alive * steps, alive * (now - self._since), self._prefilling)
        self._since = now
        ended: list[Request] = []
        while ending and ending[0][0] <= self._step:
            request = heappop(ending)[2]
            self._context -= request.prompt + request.output
            self._end(request, now, ended)
        if self._prefilling:
            self._first_tokens(now, ended)
        if self._is_full():
            self._preempt()
        self._plan()
        return ended

    def _first_tokens(self, now: float, ended: list[Request]) -> None:
        for request in self._finishing:
            self._admitted.remove(request)
            if request.first is None:
                request.first = now
                self.counters.first_token(now - request.arrival)
            if request.left <= 1:
                self._end(request, now, ended)
                continue
            self._serial += 1
            self._context += request.computed + 1
            heappush(self._ending, (self._step + request.left - 1, self._serial, request))
        self._finishing = []

    def _end(self, request: Request, now: float, ended: list[Request]) -> None:
        self.outstanding -= 1
        self._idle_since = now
        request.end = now
        self.counters.finished(request)
        ended.append(request)

    def _plan(self) -> None:
        """Decide the next step, or run of equal steps, from ``_since`` on."""
        self._prefilling = self._admit() if self.waiting or self._admitted else 0
        profile, alive = self.profile, len(self._ending)
        if not alive and not self._prefilling:
            self.due = math.inf
            return
        self._planned = 1 if self._prefilling else self._run_length(alive)
        self.due = self._since + self._duration(self._planned) + self._prefilling / profile.prefill_rate

    def _run_length(self, alive: int) -> int:
        free = self.profile.kv_tokens - self._context - BLOCK_WASTE * alive
        return max(1, min(self._ending[0][0] - self._step, free // alive))

    def _duration(self, steps: int) -> float:
        profile, alive = self.profile, len(self._ending)
        first = profile.step_seconds + profile.sequence_seconds * alive + profile.context_seconds * self._context
        return steps * first + profile.context_seconds * alive * steps * (steps - 1) / 2

    def _cut(self, now: float) -> bool:
        """End a run of steps at the first boundary after ``now``, where the new prompt joins."""
        if not self._has_room(self.waiting[0]):
            return False
        steps = max(1, math.ceil((now - self._since) / self._duration(1)))
        if steps >= self._planned:
            return False
        self._planned = steps
        self.due = self._since + self._duration(steps)
        return True

    def _admit(self) -> int:
        """Take prompts into the step's token budget; the tokens taken."""
        budget = left = self.profile.max_batched_tokens - len(self._ending)
        for request in self._admitted:
            left -= self._chunk(request, left)
        while left > 0 and self.waiting and self._has_room(self.waiting[0]):
            request = self.waiting.popleft()
            self._admitted.append(request)
            left -= self._chunk(request, left)
        return budget - left

    def _chunk(self, request: Request, budget: int) -> int:
        taken = min(budget, request.known - request.computed)
        request.computed += taken
        if taken and request.computed == request.known:
            self._finishing.append(request)
        return taken

    def _has_room(self, request: Request) -> bool:
        if self.running >= self.profile.max_sequences:
            return False
        is_alone = not self._ending and not self._admitted
        return is_alone or self.cached + request.known + BLOCK_WASTE <= self.profile.kv_tokens

    def _is_full(self) -> bool:
        """Whether the next step's tokens do not fit."""
        return self._context + (BLOCK_WASTE + 1) * len(self._ending) > self.profile.kv_tokens

    def _preempt(self) -> None:
        """Send the latest sequences back until the next step's tokens fit; they are computed again from the start."""
        while len(self._ending) > 1 and self._is_full():
            latest = max(self._ending, key=lambda each: each[1])
            self._ending.remove(latest)
            request = latest[2]
            request.left = latest[0] - self._step
            self._context -= request.prompt + request.output - request.left
            request.known, request.computed = request.prompt + request.output - request.left, 0
            self.waiting.appendleft(request)
            self.counters.preemptions += 1
        self._ending.sort()
