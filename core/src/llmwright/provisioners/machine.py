"""The cores, memory and NVIDIA GPUs of this machine that this process may use."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

MIB = 1024**2
NVIDIA_SMI_TIMEOUT_S = 10
QUERY = ("--query-gpu=name,memory.total,compute_cap", "--format=csv,noheader,nounits")


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU; ``compute_capability`` is None where the driver does not say."""

    model: str
    memory_bytes: int
    compute_capability: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Machine:
    """``cpus`` counts whole cores, at least 1; ``memory_bytes`` is the smaller of what is built in and allowed."""

    cpus: int
    memory_bytes: int
    gpus: tuple[Gpu, ...] = ()


def measure(root: Path = Path("/")) -> Machine:
    """This machine, within the limits of this process's control group; ``root`` is where proc and sys are found."""
    memory = min([psutil.virtual_memory().total, *_memory_limits(root)])
    cpus = min([_affinity(), *_cpu_limits(root)])
    return Machine(cpus=max(int(cpus), 1), memory_bytes=memory, gpus=find_gpus())


def find_gpus() -> tuple[Gpu, ...]:
    """NVIDIA's GPUs as its own tool lists them; none where the tool is missing, fails or hangs.

    ``CUDA_VISIBLE_DEVICES`` is honoured where it holds indices or is empty.
    """
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ()
    try:
        done = subprocess.run([tool, *QUERY], capture_output=True, text=True, timeout=NVIDIA_SMI_TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()
    return _visible(tuple(gpu for line in done.stdout.splitlines() if (gpu := _gpu(line)) is not None))


def _gpu(line: str) -> Gpu | None:
    """One line ``NVIDIA H100 80GB HBM3, 81559, 9.0``; None for one without a memory size."""
    model, _, rest = line.partition(",")
    memory, _, capability = (part.strip() for part in rest.partition(","))
    if not memory.isdigit():
        return None
    major, _, minor = capability.partition(".")
    known = major.isdigit() and minor.isdigit()
    return Gpu(model.strip(), int(memory) * MIB, (int(major), int(minor)) if known else None)


def _visible(gpus: tuple[Gpu, ...]) -> tuple[Gpu, ...]:
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is None:
        return gpus
    indices = [part.strip() for part in chosen.split(",") if part.strip()]
    if not all(index.isdigit() for index in indices):
        return gpus
    return tuple(gpus[int(index)] for index in indices if int(index) < len(gpus))


def _affinity() -> float:
    return float(len(os.sched_getaffinity(0)))


def _memory_limits(root: Path) -> Iterator[int]:
    """Limits of this process's control group and those above it, versions 2 and 1."""
    for folder in _groups(root, ""):
        yield from _numbers(folder / "memory.max")
    for folder in _groups(root, "memory"):
        yield from _numbers(folder / "memory.limit_in_bytes")


def _cpu_limits(root: Path) -> Iterator[float]:
    for folder in _groups(root, ""):
        quota, _, period = _text(folder / "cpu.max").partition(" ")
        if quota.isdigit() and period.isdigit():
            yield int(quota) / int(period)
    for folder in _groups(root, "cpu"):
        quotas, periods = list(_numbers(folder / "cpu.cfs_quota_us")), list(_numbers(folder / "cpu.cfs_period_us"))
        if quotas and periods:
            yield quotas[0] / periods[0]


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """The folders of this process's group and its ancestors; in a container often only the topmost is to be seen."""
    top = root / "sys/fs/cgroup" / controller
    own = next((path for names, path in _memberships(root) if controller in names), "/")
    for part in (Path(own), *Path(own).parents):
        yield top / str(part).lstrip("/")


def _memberships(root: Path) -> Iterator[tuple[list[str], str]]:
    """Lines ``id:controllers:path`` of proc/self/cgroup; version 2 has no controllers."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        parts = line.split(":", 2)
        if len(parts) == 3:
            yield parts[1].split(","), parts[2]


def _numbers(path: Path) -> Iterator[int]:
    text = _text(path)
    if text.isdigit():
        yield int(text)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
