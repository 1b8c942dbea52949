"""``python -m benchmarks [NAME …]``: each benchmark in a process of its own, all of them by default."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DEMO = ROOT / "presets/src/llmwright_presets/demo"

BENCHMARKS: dict[str, tuple[str, ...]] = {
    "plugins_list": (),
    "check": (),
    "plan": (),
    "serve_hf": (),
    "runtimes": (),
    "bench_client": (),
    "tune_qlora": (),
    "kubernetes_operator": (),
}


def main(names: list[str]) -> int:
    """The number of benchmarks that could not be run; 2 for a name that is none."""
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    failed = 0
    for name in names or BENCHMARKS:
        print(f"== {name}", flush=True)
        done = subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *BENCHMARKS[name]], cwd=ROOT, check=False)
        failed += done.returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
