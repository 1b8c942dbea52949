"""``python -m llmwright_runtime_ray.packages --to DIRECTORY``: our packages, for the Python of another image.

``rayproject/ray-llm`` holds Ray, vLLM and what they need, and none of ours. The packages are Python alone, so they are
copied there from the workload image, and spec by ``PYTHONPATH``; what they import beside each other, Ray needs too.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path

DISTRIBUTIONS = ("llmwright", "llmwright-runtime-hf", "llmwright-runtime-vllm", "llmwright-runtime-ray")
"""The distributions that the server half imports. Each holds one package of its name."""
METADATA = ("METADATA", "entry_points.txt")


def main(arguments: list[str] | None = None) -> int:
    """Copy the packages, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m llmwright_runtime_ray.packages", description="Copy our packages.")
    parser.add_argument("--to", required=True, type=Path, metavar="DIRECTORY")
    copy_packages(parser.parse_args(arguments).to)
    return 0


def copy_packages(directory: Path) -> None:
    """Copy each package, and what says its version, into ``directory``; a pod that starts again copies again."""
    for name in DISTRIBUTIONS:
        installed, package = distribution(name), name.replace("-", "_")
        spec = find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            raise ModuleNotFoundError(f"{name} holds no package {package}", name=package)
        source = Path(spec.submodule_search_locations[0])
        shutil.copytree(source, directory / package, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        about = directory / f"{package}-{installed.version}.dist-info"
        about.mkdir(exist_ok=True)
        for file in METADATA:
            (about / file).write_text(installed.read_text(file) or "", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
