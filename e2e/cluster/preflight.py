"""What must be true before `up` changes anything: each rule looks at plain facts and answers with one sentence."""

from collections.abc import Callable
from dataclasses import dataclass

from e2e.cluster.layout import Profile

# Measured: modules 1.5, Go's build cache 5.7, binaries 0.8, images 1, a running cluster 2.
COLD_BYTES = 12 * 1024**3
WARM_BYTES = 3 * 1024**3
# Sockets live below the cache folder, and the kernel takes 107 bytes of a socket's path.
LONGEST_CACHE_PATH = 60


@dataclass(frozen=True)
class Machine:
    """Facts about this machine, gathered without changing it."""

    system: str
    root: bool
    apt: bool
    go: bool
    go_from_pypi: bool
    built: bool
    free_bytes: int
    cache: str
    missing_packages: tuple[str, ...] = ()
    missing_paths: tuple[str, ...] = ()
    busy_ports: tuple[str, ...] = ()
    rivals: tuple[str, ...] = ()


Rule = Callable[[Machine, Profile], str | None]


def problems(machine: Machine, profile: Profile) -> tuple[str, ...]:
    """Tell every reason why `profile` cannot start here, most basic first; empty when it can."""
    return tuple(found for rule in RULES if (found := rule(machine, profile)))


def _not_linux(machine: Machine, _: Profile) -> str | None:
    if machine.system == "Linux":
        return None
    return f"The test cluster needs Linux and this is {machine.system}: run it in a Linux virtual machine."


def _not_root(machine: Machine, profile: Profile) -> str | None:
    if machine.root or profile is not Profile.FULL:
        return None
    return "Profile full needs root for containers and network: run it with sudo, or take --profile control."


def _no_go(machine: Machine, _: Profile) -> str | None:
    if machine.built or machine.go or machine.go_from_pypi:
        return None
    return "There is no Go 1.26 here and PyPI has none for this machine: install it from https://go.dev/dl/."


def _long_cache_path(machine: Machine, _: Profile) -> str | None:
    if len(machine.cache) <= LONGEST_CACHE_PATH:
        return None
    return f"The cache path {machine.cache} is too long for sockets: set XDG_CACHE_HOME to a shorter one."


def _covered_cache_path(machine: Machine, profile: Profile) -> str | None:
    if profile is not Profile.FULL or not machine.cache.startswith("/tmp/"):  # noqa: S108 because it is read, not used
        return None
    return f"The cache {machine.cache} is below /tmp, where pods have a folder of their own: set XDG_CACHE_HOME."


def _little_disk(machine: Machine, _: Profile) -> str | None:
    needed = WARM_BYTES if machine.built else COLD_BYTES
    if machine.free_bytes >= needed:
        return None
    free, wanted = machine.free_bytes / 1024**3, needed / 1024**3
    return f"{machine.cache} has {free:.1f} GiB free and {wanted:.0f} are needed: free some, or set XDG_CACHE_HOME."


def _missing_packages(machine: Machine, _: Profile) -> str | None:
    if not machine.missing_packages or (machine.root and machine.apt):
        return None
    return f"Packages are missing: apt-get install {' '.join(machine.missing_packages)}"


def _missing_paths(machine: Machine, _: Profile) -> str | None:
    if not machine.missing_paths:
        return None
    return f"To be shown to containers but not there: {', '.join(machine.missing_paths)}. Make them first."


def _busy_ports(machine: Machine, _: Profile) -> str | None:
    if not machine.busy_ports:
        return None
    return f"In use by another program: {', '.join(machine.busy_ports)}. Stop it (`ss -ltnp` names it)."


def _rivals(machine: Machine, profile: Profile) -> str | None:
    if not machine.rivals or profile is not Profile.FULL:
        return None
    return f"Another Kubernetes runs on this machine ({', '.join(machine.rivals)}): stop it, or take --profile control."


RULES: tuple[Rule, ...] = (
    _not_linux,
    _not_root,
    _no_go,
    _long_cache_path,
    _covered_cache_path,
    _little_disk,
    _missing_packages,
    _missing_paths,
    _busy_ports,
    _rivals,
)
