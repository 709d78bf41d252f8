"""The hub's token on its way from the container's environment to the engine's."""

from pathlib import Path

import pytest

from llmfleet_runtime.argv import BadConfig
from llmfleet_runtime.contract import ExitCode
from llmfleet_runtime.credentials import hub_token
from tests.unit.runtime.launched import launch_fake


def test_a_token_is_handed_on_without_the_line_end_that_files_have() -> None:
    assert hub_token({"HF_TOKEN": "hf_abc123\n"}) == {"HF_TOKEN": "hf_abc123"}


def test_without_a_token_nothing_is_set() -> None:
    assert hub_token({"PATH": "/bin"}) == {}


@pytest.mark.proves("S57")
@pytest.mark.parametrize("value", ["", " \n"], ids=repr)
def test_an_empty_token_is_refused_with_the_next_step(value: str) -> None:
    with pytest.raises(BadConfig, match="HF_TOKEN is empty; put the hub's token there"):
        hub_token({"HF_TOKEN": value})


@pytest.mark.proves("S57", "R71")
@pytest.mark.parametrize(
    "junk", ["sentinel\x01", "sentinel\nsecond", "senti nel", "sentinelé", "sentinel\udcff"], ids=ascii
)
def test_what_no_header_can_carry_is_refused_and_never_shown(junk: str) -> None:
    with pytest.raises(BadConfig, match="is no token") as refusal:
        hub_token({"HF_TOKEN": junk})
    assert "senti" not in str(refusal.value)


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Start a launcher whose container has this token."""
    started = []

    def start(token):
        monkeypatch.setenv("HF_TOKEN", token)
        started.append(launch_fake(tmp_path))
        return started[-1]

    yield start
    for pod in started:
        pod.destroy()


def test_the_engine_is_started_with_the_token(start) -> None:
    pod = start("hf_abc123\n")
    pod.until(pod.children)
    variables = Path(f"/proc/{pod.engine_pid()}/environ")
    pod.until(lambda: b"HF_TOKEN=hf_abc123" in variables.read_bytes().split(b"\0"))


@pytest.mark.proves("R71")
def test_a_pod_with_junk_for_a_token_ends_as_badly_configured_without_showing_it(start) -> None:
    pod = start("sentinel\x01")
    assert pod.wait() == ExitCode.BAD_CONFIG
    assert "HF_TOKEN" in pod.farewell().message
    assert "sentinel" not in pod.farewell().message + pod.output()
