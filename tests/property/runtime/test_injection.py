"""Whatever stands in a string field reaches argv or the environment byte for byte, or is refused."""

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmfleet_runtime.argv import BadConfig, Platform, argv, environment
from llmfleet_runtime.contract import (
    ALLOWED_ARGUMENTS,
    FLAG_ARGUMENTS,
    REFUSED_ENV_NAMES,
    REFUSED_ENV_PREFIXES,
    EngineConfig,
    NamedValue,
)

PLATFORMS = st.sampled_from([Platform("0.32.0", cpus=8), Platform("0.32.0+cpu", is_cpu_build=True, cpus=2)])
HOSTILE = st.one_of(
    st.sampled_from(
        [
            *(
                "",
                "-",
                "--",
                "--host=::",
                "-O3",
                "--config",
                "None",
                "a b",
                "a=b",
                "'",
                '"',
                "`id`",
                "$(id)",
                "$(HOME)",
            ),
            *("$HOME", "${HOME}", "{{ x }}", "{% x %}", "a\nb", "a\r\n--api-key", "\t", "a;b", "a|b", "*", "~", "\\"),
            *("\0", "a\0b", "é", "😀", "\ud800", "\udc80", "../..", "#", "%s", "!", "\x1b[31m", "\u202e", "a" * 5000),
        ]
    ),
    st.text(max_size=40),
)
NAMES = st.one_of(st.sampled_from(ALLOWED_ARGUMENTS), HOSTILE)


def arguments(config, platform):
    try:
        return argv(config, platform, None)
    except BadConfig:
        return None


@given(HOSTILE, PLATFORMS)
def test_the_model_arrives_in_one_argument(text, platform):
    found = arguments(EngineConfig(model=text, served_names=("a",)), platform)
    assert found is None or f"--model={text}" in found
    assert (found is None) == (text in {"", "None"} or not is_sendable(text))


@given(HOSTILE, PLATFORMS)
def test_the_revision_arrives_in_one_argument(text, platform):
    found = arguments(EngineConfig(model="m", revision=text, served_names=("a",)), platform)
    assert found is None or f"--revision={text}" in found


@given(HOSTILE, PLATFORMS)
def test_the_data_type_arrives_in_one_argument(text, platform):
    found = arguments(EngineConfig(model="m", dtype=text, served_names=("a",)), platform)
    assert found is None or f"--dtype={text}" in found


@given(st.lists(HOSTILE, min_size=1, max_size=4), PLATFORMS)
def test_served_names_arrive_in_order_and_none_is_an_option(names, platform):
    found = arguments(EngineConfig(model="m", served_names=tuple(names)), platform)
    if found is not None:
        start = found.index("--served-model-name") + 1
        assert list(found[start : start + len(names)]) == names
        assert not any(name.startswith("-") for name in names)


@pytest.mark.proves("R70", "S62")
@given(NAMES, st.one_of(st.none(), HOSTILE), PLATFORMS)
def test_an_extra_argument_arrives_whole_under_an_allowed_name(name, value, platform):
    plain = arguments(EngineConfig(model="m", served_names=("a",)), platform)
    found = arguments(
        EngineConfig(model="m", served_names=("a",), args=(NamedValue(name=name, value=value),)), platform
    )
    if found is None:
        return
    assert name in ALLOWED_ARGUMENTS
    (new,) = [item for item in found if item not in plain] or [f"--{name}"]
    expected = {f"--{name}", f"--no-{name}"} if name in FLAG_ARGUMENTS else {f"--{name}={value}"}
    assert new in expected


@pytest.mark.proves("R70", "S51")
@given(st.one_of(st.sampled_from(["TZ", "A_B", "LD_PRELOAD", "https_proxy"]), HOSTILE), HOSTILE, PLATFORMS)
def test_a_variable_arrives_whole_under_its_own_name(name, value, platform):
    config = EngineConfig(model="m", served_names=("a",), env=(NamedValue(name=name, value=value),))
    try:
        found = environment(config, platform)
    except BadConfig:
        return
    assert found[name] == value
    assert name not in REFUSED_ENV_NAMES
    assert not name.startswith(REFUSED_ENV_PREFIXES)


@given(st.lists(HOSTILE, min_size=1, max_size=3), PLATFORMS)
def test_every_argument_can_be_handed_to_the_kernel(texts, platform):
    config = EngineConfig(model=texts[0], served_names=tuple(texts), args=(NamedValue(name="seed", value=texts[-1]),))
    assert all(is_sendable(item) for item in arguments(config, platform) or ())


def test_the_kernel_delivers_what_was_given():
    hostile = ["$(id)", "{{ x }}", "a\nb", "'\"`", "--x", "é😀", "\x1b[31m", "a\\b", " "]
    config = EngineConfig(
        model=hostile[0],
        served_names=("a",),
        args=(NamedValue(name="response-role", value="\n".join(hostile)),),
        env=tuple(NamedValue(name=f"V{number}", value=text) for number, text in enumerate(hostile)),
    )
    platform = Platform("0.32.0")
    code = "import os, sys; print(repr((sys.argv[1:], {k: v for k, v in os.environ.items() if k[0] == 'V'})))"
    wanted = argv(config, platform, None)
    child = {**os.environ, **environment(config, platform), "PYTHONUTF8": "1"}
    output = subprocess.run([sys.executable, "-c", code, *wanted], env=child, capture_output=True, check=True).stdout
    got_arguments, got_environment = eval(output)
    assert got_arguments == list(wanted)
    assert {f"V{number}": text for number, text in enumerate(hostile)}.items() <= got_environment.items()


def is_sendable(text):
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False
