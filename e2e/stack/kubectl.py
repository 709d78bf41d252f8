"""kubectl as this project uses it: apply, read, wait by watching, never by sleeping."""

import json
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import yaml

Document = dict[str, Any]

FIELD_MANAGER = "llmfleet-e2e"


class KubectlError(Exception):
    """The command failed; the text is what it wrote to standard error."""


class NotInTime(Exception):
    """What was waited for did not happen; the text says what was seen last."""


@dataclass(frozen=True, slots=True)
class Kubectl:
    """One cluster and namespace. Without ``environment`` and ``context`` it is the user's present one."""

    binary: str = "kubectl"
    environment: Mapping[str, str] | None = None
    context: str | None = None
    namespace: str = "default"

    def inside(self, namespace: str) -> "Kubectl":
        """The same cluster, another namespace."""
        return replace(self, namespace=namespace)

    def command(self, *arguments: str) -> list[str]:
        """The whole command line."""
        context = ["--context", self.context] if self.context else []
        return [self.binary, "--namespace", self.namespace, *context, *arguments]

    def run(self, *arguments: str, stdin: str | None = None, seconds: float = 120) -> str:
        """Standard output; raises ``KubectlError`` with the server's own words."""
        done = subprocess.run(
            self.command(*arguments),
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
        if done.returncode:
            raise KubectlError(done.stderr.strip())
        return done.stdout

    def get(self, *arguments: str) -> Document:
        """``kubectl get … -o json``."""
        document: Document = json.loads(self.run("get", *arguments, "-o", "json"))
        return document

    def find(self, kind: str, name: str) -> Document | None:
        """The object, or None when there is none."""
        text = self.run("get", kind, name, "-o", "json", "--ignore-not-found")
        return json.loads(text) if text.strip() else None

    def listed(self, kind: str, selector: str = "") -> list[Document]:
        """All objects of a kind in the namespace that carry the labels."""
        items: list[Document] = self.get(kind, "--selector", selector)["items"]
        return items

    def apply(self, *documents: Document) -> None:
        """Server-side apply, so that a refusal is the server's and no annotation is left behind."""
        text = yaml.safe_dump_all(documents)
        self.run("apply", "--server-side", "--force-conflicts", "--field-manager", FIELD_MANAGER, "-f", "-", stdin=text)

    def delete(self, kind: str, name: str, *, wait: bool = False, seconds: float = 120) -> None:
        """Delete; gone already is as good. With ``wait``, return when the object is gone."""
        self.run(
            "delete", kind, name, "--ignore-not-found", f"--wait={str(wait).lower()}", f"--timeout={seconds:.0f}s",
            seconds=seconds + 30,
        )  # fmt: skip

    def until(self, kind: str, name: str, wanted: Callable[[Document], bool], what: str, seconds: float) -> Document:
        """Watch one object until ``wanted`` is true of it; return it as it is then."""
        last: Document | None = None
        with self.watching(kind, name, seconds=seconds) as objects:
            for last in objects:
                if wanted(last):
                    return last
        status = json.dumps((last or {}).get("status", {}), indent=1)
        raise NotInTime(f"{kind} {name}: {what} did not come within {seconds:.0f} s; last seen status: {status}")

    @contextmanager
    def watching(self, kind: str, *names: str, seconds: float, selector: str = "") -> Iterator[Iterator[Document]]:
        """The objects as they are, then each as it changes, ended after ``seconds``; deletions are shown last."""
        chosen = list(names) or ["--selector", selector]
        command = self.command("get", kind, *chosen, "--watch", "-o", "json")
        with subprocess.Popen(
            command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            timer = threading.Timer(seconds, process.kill)
            timer.start()
            try:
                yield parse_stream(process.stdout or ())
            finally:
                timer.cancel()
                process.kill()


def parse_stream(lines: Iterable[str]) -> Iterator[Document]:
    """Documents from kubectl's indented JSON: each ends with a brace in the first column."""
    collected: list[str] = []
    for line in lines:
        collected.append(line)
        if line.startswith("}"):
            yield json.loads("".join(collected))
            collected.clear()
