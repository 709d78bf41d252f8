"""Every reason not to start is one sentence with its remedy, found from plain facts before anything changes."""

from dataclasses import replace

import pytest

from e2e.cluster import network, preflight, toolchain, versions
from e2e.cluster.layout import Profile
from e2e.cluster.preflight import Machine

GOOD = Machine(
    system="Linux",
    root=True,
    apt=True,
    go=True,
    go_from_pypi=True,
    built=False,
    free_bytes=preflight.COLD_BYTES,
    cache="/home/somebody/.cache/llmfleet",
)
NAT = """\
*nat
:PREROUTING ACCEPT [0:0]
:KUBE-SERVICES - [0:0]
:CNI-HOSTPORT-DNAT - [0:0]
:THEIRS - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
-A PREROUTING -j THEIRS
-A KUBE-SERVICES -j RETURN
COMMIT
"""


@pytest.mark.parametrize("profile", list(Profile))
def test_a_good_machine_has_no_problem(profile: Profile) -> None:
    assert preflight.problems(GOOD, profile) == ()


@pytest.mark.parametrize(
    ("machine", "remedy"),
    [
        (replace(GOOD, system="Darwin"), "Linux virtual machine"),
        (replace(GOOD, root=False), "sudo"),
        (replace(GOOD, go=False, go_from_pypi=False), "https://go.dev/dl/"),
        (replace(GOOD, free_bytes=preflight.COLD_BYTES - 1), "XDG_CACHE_HOME"),
        (replace(GOOD, cache="/" + "x" * 60), "XDG_CACHE_HOME"),
        (replace(GOOD, cache="/tmp/a/.cache/llmfleet"), "XDG_CACHE_HOME"),
        (replace(GOOD, apt=False, missing_packages=("runc", "socat")), "apt-get install runc socat"),
        (replace(GOOD, missing_paths=("/opt/engine",)), "/opt/engine"),
        (replace(GOOD, busy_ports=("127.0.0.1:6443",)), "127.0.0.1:6443"),
        (replace(GOOD, rivals=("kubelet",)), "kubelet"),
    ],
)
def test_each_problem_is_one_sentence_that_names_its_remedy(machine: Machine, remedy: str) -> None:
    (sentence,) = preflight.problems(machine, Profile.FULL)
    assert remedy in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize("profile", [Profile.API, Profile.CONTROL])
def test_without_containers_neither_root_nor_rivals_nor_a_covered_cache_matter(profile: Profile) -> None:
    machine = replace(GOOD, root=False, rivals=("kubelet",), cache="/tmp/a/.cache/llmfleet")
    assert preflight.problems(machine, profile) == ()


def test_missing_packages_are_no_problem_where_they_can_be_installed() -> None:
    assert preflight.problems(replace(GOOD, missing_packages=("runc",)), Profile.FULL) == ()


def test_pypi_stands_in_for_a_missing_go() -> None:
    assert preflight.problems(replace(GOOD, go=False), Profile.FULL) == ()


def test_nothing_is_needed_to_build_what_is_built() -> None:
    warm = replace(GOOD, built=True, go=False, go_from_pypi=False, free_bytes=preflight.WARM_BYTES)
    assert preflight.problems(warm, Profile.FULL) == ()


def test_all_problems_are_told_at_once() -> None:
    assert len(preflight.problems(replace(GOOD, root=False, free_bytes=0), Profile.FULL)) == 2


@pytest.mark.parametrize(
    ("printed", "expected"),
    [("go version go1.26.8 linux/amd64", (1, 26)), ("go version go1.9 linux/arm64", (1, 9)), ("", (0, 0))],
)
def test_go_version_is_read(printed: str, expected: tuple[int, int]) -> None:
    assert toolchain.version(printed) == expected


def test_only_our_chains_and_the_jumps_to_them_are_removed() -> None:
    assert network.removal("nat", NAT).splitlines() == [
        "*nat",
        ":KUBE-SERVICES - [0:0]",
        ":CNI-HOSTPORT-DNAT - [0:0]",
        '-D PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
        "-D PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT",
        "-X KUBE-SERVICES",
        "-X CNI-HOSTPORT-DNAT",
        "COMMIT",
    ]


def test_a_table_without_our_chains_is_left_alone() -> None:
    assert network.removal("nat", "*nat\n:THEIRS - [0:0]\n-A THEIRS -j RETURN\nCOMMIT\n") == ""


def test_binaries_are_kept_per_version(monkeypatch: pytest.MonkeyPatch) -> None:
    before = versions.stamp()
    monkeypatch.setattr(versions, "SOURCES", versions.SOURCES[:1])
    assert before.startswith(versions.KUBERNETES)
    assert versions.stamp() != before
