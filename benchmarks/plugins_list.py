"""How long ``llmwright --help`` and ``plugins list`` take beside 50 installed plugins.

    python -m benchmarks.plugins_list [--plugins 50] [--rounds 20]

The measure is time over ``python -c pass``; the aim is at most 150 ms at the median. Runs are interleaved, so that
whatever else the machine does falls on all alike.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIMIT_MS = 150
COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "llmwright --help": ["-m", "llmwright", "--help"],
    "llmwright plugins list": ["-m", "llmwright", "plugins", "list"],
}


def main() -> int:
    """Prints a table; ends with 1 where an aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plugins", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as site:
        for number in range(options.plugins):
            declare(Path(site), number)
        times = measure(site, options.rounds)
    return report(times, options)


def declare(site: Path, number: int) -> None:
    """A distribution as pip would have left it, with a runtime, a hook and a long description."""
    module = f"acme_plugin_{number}"
    info = site / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: acme-plugin-{number}\nVersion: 1.0\n\n" + "text\n" * 400
    )
    points = (("runtimes", f"acme{number}", f"{module}:Acme"), ("hooks", f"acme{number}", module))
    text = "".join(f"[llmwright.{kind}.v1]\n{name} = {target}\n" for kind, name, target in points)
    (info / "entry_points.txt").write_text(text)
    (site / f"{module}.py").write_text("raise SystemExit('a plugin was imported')\n")


def measure(site: str, rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each command in each round; the first round warms up and does not count."""
    environ = {**os.environ, "PYTHONPATH": site}
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for turn in range(rounds + 1):
        for name, arguments in COMMANDS.items():
            started = time.perf_counter()
            subprocess.run([sys.executable, *arguments], env=environ, check=True, stdout=subprocess.DEVNULL)
            if turn:
                times[name].append((time.perf_counter() - started) * 1000)
    return times


def report(times: dict[str, list[float]], options: argparse.Namespace) -> int:
    """Prints median and quartiles, and the difference to bare Python round by round."""
    print(f"{options.plugins} plugins, {options.rounds} rounds, interleaved; milliseconds")
    bare = times["python -c pass"]
    missed = 0
    for name, found in times.items():
        low, median, high = statistics.quantiles(found, n=4)
        over = statistics.median(one - base for one, base in zip(found, bare, strict=True))
        missed += over > LIMIT_MS
        print(f"{name:26} median {median:6.1f}  quartiles {low:6.1f} to {high:6.1f}  over bare Python {over:6.1f}")
    print(f"aim: at most {LIMIT_MS} over bare Python: {'missed' if missed else 'met'}")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
