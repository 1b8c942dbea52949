"""The provisioner ``local``: the laws of provisioners, and what it finds of the machine."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import psutil
import pytest

from llmwright.provisioners.local import LocalProvisioner, instance_type
from llmwright.provisioners.machine import Gpu, Machine, find_gpus, measure
from llmwright.testing import Machine as WorldMachine
from llmwright.testing import ProvisionerContract, World, make_context

GIB = 1024**3


class ThisMachine(World):
    """The machine that the tests run on."""

    def truth(self) -> list[WorldMachine]:
        return [WorldMachine(name=platform.node() or "localhost")]


class TestLocalProvisioner(ProvisionerContract):
    @pytest.fixture
    def world(self) -> ThisMachine:
        return ThisMachine()

    @pytest.fixture
    def driver(self) -> LocalProvisioner:
        return LocalProvisioner(make_context())


def write(root: Path, files: dict[str, str]) -> Path:
    """A proc and sys of these files."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_this_machine_is_measured() -> None:
    found = measure()
    assert 1 <= found.cpus <= (os.cpu_count() or 1)
    assert 0 < found.memory_bytes <= psutil.virtual_memory().total
    (kind,) = LocalProvisioner(make_context()).instance_types()
    assert (kind.name, kind.cloud, kind.price) == ("local", "local", None)
    assert kind.cpus == found.cpus


@pytest.mark.parametrize(
    "files",
    [
        {
            "proc/self/cgroup": "0::/box/inner\n",
            "sys/fs/cgroup/box/memory.max": f"{GIB}\n",
            "sys/fs/cgroup/box/inner/memory.max": "max\n",
            "sys/fs/cgroup/box/inner/cpu.max": "100000 100000\n",
        },
        {
            "proc/self/cgroup": "4:memory:/box\n2:cpu,cpuacct:/box\n0::/\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/memory/box/memory.limit_in_bytes": f"{GIB}\n",
            "sys/fs/cgroup/cpu/box/cpu.cfs_quota_us": "150000\n",
            "sys/fs/cgroup/cpu/box/cpu.cfs_period_us": "100000\n",
        },
        {
            "proc/self/cgroup": "0::/not/seen/here\n",
            "sys/fs/cgroup/memory.max": f"{GIB}",
            "sys/fs/cgroup/cpu.max": "50000 100000",
        },
    ],
    ids=["version 2", "version 1", "in a container"],
)
def test_limits_of_control_groups_are_kept(tmp_path: Path, files: dict[str, str]) -> None:
    assert measure(write(tmp_path, files)) == Machine(cpus=1, memory_bytes=GIB, gpus=find_gpus())


def nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a tool of that name first on the path."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_gpus_are_read_from_nvidias_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = "NVIDIA H100 80GB HBM3, 81559, 9.0\\nTesla M60, 8192, [N/A]\\nbroken, [N/A], 7.0\\n"
    nvidia_smi(tmp_path, monkeypatch, f"printf '{lines}'")
    gpus = find_gpus()
    assert gpus == (
        Gpu("NVIDIA H100 80GB HBM3", 81559 * 1024**2, (9, 0)),
        Gpu("Tesla M60", 8192 * 1024**2, None),
    )
    kind = instance_type(Machine(cpus=2, memory_bytes=GIB, gpus=gpus))
    assert (kind.gpus, kind.gpu_model, kind.gpu_memory_bytes) == (2, "Tesla M60", 8192 * 1024**2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert [gpu.model for gpu in find_gpus()] == ["Tesla M60"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert find_gpus() == ()


def test_a_tool_that_fails_means_no_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nvidia_smi(tmp_path, monkeypatch, "echo 'no devices were found'; exit 6")
    assert find_gpus() == ()
