"""What the chapters of the demo share: the stack, the fleet, the screen, and the numbers so far."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from e2e.load import Plan
from e2e.stack import Fleet, NotInTime, Stack
from e2e.stack.fleet import KIND, condition
from e2e.stack.kubectl import Document

from .screen import Screen, in_short

EXPLAIN_SECONDS = 60.0


def last_change(story: str) -> str:
    """Of what ``llmfleet explain`` tells, the last change of size with its numbers, on one line."""
    changes = [part.split() for part in story.partition("\n\nNow:")[0].split("\n\n")[1:]]
    moved = [words for words in changes if "→" in words[:4]]
    return " ".join(moved[-1]) if moved else "the size was never changed"


@dataclass(slots=True)
class Stage:
    """One run of the demo."""

    screen: Screen
    stack: Stack
    manifest: Document
    measured: list[tuple[str, str]] = field(default_factory=list)
    shown: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    """The conditions as last shown."""
    decisions: set[tuple[str, int, int]] = field(default_factory=set)
    """Decisions shown already, by time and sizes."""
    requests: int = 0
    failures: int = 0

    @property
    def fleet(self) -> Fleet:
        """The object that the story is about."""
        return self.stack.fleet(self.manifest["metadata"]["name"])

    @property
    def model_name(self) -> str:
        """What requests call the model: the object's name, unless it says otherwise."""
        names: list[str] = self.manifest["spec"]["model"].get("servedNames", [self.manifest["metadata"]["name"]])
        return names[0]

    def until(self, wanted: Callable[[Document], bool], what: str, seconds: float) -> Document:
        """Watch the object, showing each change of a condition and each decision, until ``wanted``."""
        stack = self.stack.kubectl
        with stack.watching(KIND, self.fleet.name, seconds=seconds) as objects:
            for fleet in objects:
                self.show_changes(fleet)
                if wanted(fleet):
                    return fleet
                stalled = condition(fleet, "Stalled")
                if stalled["status"] == "True":
                    raise NotInTime(f"{what} will not come: {stalled['reason']}: {stalled['message']}")
        raise NotInTime(f"{what} did not come within {seconds:.0f} s")

    def show_changes(self, fleet: Document) -> None:
        """Show what differs from what was shown before."""
        for kind in [entry["type"] for entry in fleet.get("status", {}).get("conditions", ())]:
            entry = condition(fleet, kind)
            now = (entry["status"], entry.get("reason", ""), entry.get("message", ""))
            if self.shown.get(kind) != now:
                self.shown[kind] = now
                self.screen.condition(entry)
        for decision in fleet.get("status", {}).get("autoscaling", {}).get("history", ()):
            key = (decision.get("time", ""), decision.get("from", 0), decision.get("to", 0))
            if key not in self.decisions:
                self.decisions.add(key)
                self.screen.decision(decision)

    def explain(self) -> None:
        """Show on one line what ``llmfleet explain`` says of the last change of size."""
        kubectl = self.stack.kubectl
        context = ["--context", kubectl.context] if kubectl.context else []
        command = ["explain", self.fleet.name, "--namespace", kubectl.namespace, *context]
        self.screen.fact(f"llmfleet {' '.join(command)}", "dim")
        done = subprocess.run(
            [sys.executable, "-m", "llmfleet", *command, "--no-picture"],
            env=kubectl.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=EXPLAIN_SECONDS,
        )
        self.screen.fact(last_change(done.stdout) if not done.returncode else in_short(done.stderr), "magenta")

    @contextmanager
    def timing(self, what: str) -> Iterator[None]:
        """Measure a block for the last table."""
        began = time.monotonic()
        yield
        self.measured.append((what, f"{time.monotonic() - began:.1f} s"))

    def plan(self, url: str, **changes: float) -> Plan:
        """A load against this fleet, bounded in time."""
        return Plan(url, self.model_name, seconds=400, **changes)  # type: ignore[arg-type] # because either kind of number serves

    def count(self, requests: int, failures: int) -> None:
        """Add to the totals of the last table."""
        self.requests += requests
        self.failures += failures
