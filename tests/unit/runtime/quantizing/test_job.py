"""An order in a Job: where it is, how it ended, and that what is there is not made again."""

import signal
import threading
import time
import urllib.error
import urllib.request
from types import SimpleNamespace

import pytest

from llmfleet_runtime.contract import SERVED_AS, STATUS_PATH, TERMINATION_MESSAGE_BYTES, Production, RuntimeStatus, Step
from llmfleet_runtime.quantizing import compressor, job, reference
from llmfleet_runtime.quantizing.attempt import CUT, MISSING, REFUSED, attempt
from llmfleet_runtime.quantizing.job import RESULT, Report
from llmfleet_runtime.quantizing.recipes import RECIPES
from llmfleet_runtime.quantizing.store import Store
from llmfleet_runtime.sources import cache


@pytest.fixture
def carried(tmp_path, monkeypatch, unused_tcp_port, order):
    """Carry an order out as the Job does; its exit code and what it left for the operator."""
    message = tmp_path / "message"
    monkeypatch.setenv("LLMFLEET_TERMINATION_MESSAGE", str(message))
    monkeypatch.setenv("LLMFLEET_STATUS_PORT", str(unused_tcp_port))
    before = signal.getsignal(signal.SIGTERM)

    def carry(**changed):
        message.unlink(missing_ok=True)
        asked = order.model_copy(update={"methods": ("FP8",), **changed})
        return job.main(asked.to_json()), Production.model_validate_json(message.read_text())

    yield carry
    signal.signal(signal.SIGTERM, before)


def test_it_ends_with_what_was_made_how_good_it_is_and_its_facts(libraries, carried, tmp_path):
    code, found = carried()
    assert (code, found.made.folder, found.made.requirement) == (0, str(tmp_path / "out/fp8"), "FP8")
    assert (found.made.quality.agreement, found.source.agreement) == (1.0, None)
    assert found.facts.quantization.scheme == "FP8 channel dynamic float8 token"


def test_a_later_job_gives_the_same_without_the_libraries_or_the_source(libraries, carried, tmp_path):
    first = carried()
    (tmp_path / "model").rename(tmp_path / "gone")
    assert carried() == first
    assert libraries.made == ["FP8"]


def test_a_result_whose_checkpoint_is_gone_is_made_again(libraries, carried, tmp_path):
    carried()
    (tmp_path / "out/fp8").rename(tmp_path / "taken")
    assert carried()[0] == 0
    assert libraries.made == ["FP8", "FP8"]


def said(port):
    """Where a Job says that it is; empty before it listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{STATUS_PATH}", timeout=5) as answer:
            return RuntimeStatus.model_validate_json(answer.read()).message
    except OSError:
        return ""


@pytest.fixture
def another(libraries, order, monkeypatch, unused_tcp_port):
    """A run that makes the same; it goes on once a Job says on its page that it waits for it."""
    monkeypatch.setattr(cache, "LOCK_POLL_SECONDS", 0.05)
    compress, begun, told = libraries.compress, threading.Event(), []

    def slow(*arguments):
        begun.set()
        end = time.monotonic() + 10
        while "waited for" not in (words := said(unused_tcp_port)) and time.monotonic() < end:
            time.sleep(0.02)
        told.append(words)
        compress(*arguments)

    monkeypatch.setattr(compressor, "compress", slow)
    run = threading.Thread(target=attempt, args=(order.model_copy(update={"methods": ("FP8",)}), lambda _: None))
    run.start()
    assert begun.wait(10)
    yield told
    run.join()


def test_a_job_waits_for_another_that_makes_the_same_and_ends_with_what_that_made(another, carried, libraries):
    code, found = carried()
    assert (code, found.made.requirement) == (0, "FP8")
    assert (libraries.made, another) == (["FP8"], ["checkpoint: another run makes it, and is waited for"])


def test_a_job_that_is_cut_while_it_waits_says_so(libraries, carried, tmp_path, monkeypatch):
    interrupted = SimpleNamespace(sleep=lambda _: signal.raise_signal(signal.SIGTERM))
    monkeypatch.setattr(cache, "time", interrupted)
    with Store(tmp_path / "out").held():
        code, found = carried()
    assert (code, found.message) == (CUT, "it was cut, and goes on where it was")


def test_what_cannot_be_made_is_said(libraries, carried, tmp_path):
    code, found = carried(model=str(tmp_path))
    assert (code, found.made) == (REFUSED, None)
    assert found.message.endswith("holds no config.json, so no model")
    assert not (tmp_path / "out" / RESULT).exists()


@pytest.mark.parametrize(
    ("raised", "code", "words"),
    [
        (KeyboardInterrupt, CUT, "it was cut, and goes on where it was"),
        (ModuleNotFoundError("no", name="llmcompressor"), MISSING, "has no llmcompressor"),
        (OSError(28, "No space left on device"), REFUSED, "No space left on device"),
    ],
)
def test_each_end_has_its_code_and_its_words(libraries, carried, monkeypatch, raised, code, words):
    def break_off(*_):
        raise raised

    monkeypatch.setattr(reference, "observe", break_off)
    found = carried()
    assert (found[0], words in found[1].message) == (code, True)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (None, ""),
        (Step(subject="source", doing="fetching"), "source: fetching"),
        (Step(subject="AWQ", doing="quantizing", done=12, of=32), "AWQ: quantizing, 37 %"),
    ],
)
def test_its_page_says_where_it_is(tmp_path, unused_tcp_port, step, words):
    report = Report(tmp_path)
    if step:
        report(step)
    with job.page(report, unused_tcp_port):
        address = f"http://127.0.0.1:{unused_tcp_port}"
        with urllib.request.urlopen(address + STATUS_PATH, timeout=5) as answer:
            assert RuntimeStatus.model_validate_json(answer.read()).message == words
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{address}/metrics", timeout=5)


def test_the_longest_result_fits_into_a_termination_message(libraries, carried, monkeypatch, tmp_path):
    described = job.described

    def wordy(folder):
        facts, config = described(folder)
        return facts.model_copy(update={"unknown": ("what it does not say " * 10,) * 30}), config

    monkeypatch.setattr(job, "described", wordy)
    carried()
    assert len((tmp_path / "message").read_bytes()) <= TERMINATION_MESSAGE_BYTES


def test_the_operators_table_is_the_recipes_own():
    assert {name: each.requirement for name, each in RECIPES.items()} == SERVED_AS
