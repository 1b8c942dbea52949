"""Our packages in a directory of their own are all that the proxies need of us, in a Python that has none of them."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

from llmwright_runtime_ray.packages import main

SCRIPT = """
from importlib.metadata import version
import llmwright_runtime_ray.serve.ingress as ingress, llmwright_runtime_ray.serve.llm_errors
print(ingress.__file__, version("llmwright-runtime-hf"))
"""


def test_the_copied_packages_serve_without_the_installed_ones(tmp_path: Path) -> None:
    # Twice: a pod that starts again finds the directory filled.
    assert (main(["--to", str(tmp_path)]), main(["--to", str(tmp_path)])) == (0, 0)
    # Without `site` no file of an editable installation is read, so what is ours comes from the copy alone.
    path = f"{tmp_path}:{sysconfig.get_path('purelib')}"
    ran = subprocess.run(
        [sys.executable, "-S", "-c", SCRIPT], env={"PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    file, _ = ran.stdout.split()
    assert file.startswith(str(tmp_path))
