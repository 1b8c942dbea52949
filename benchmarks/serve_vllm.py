"""The runtime ``vllm`` against bare ``vllm serve`` with the same flags: what runs, and what it gives.

    LLMWRIGHT_VLLM=.venv-vllm python -m benchmarks.serve_vllm [--pairs 5] [--concurrency 1,8,32] [--control]

Each server of a pair is started anew and has the machine for itself, in turning order. vLLM's engine and worker wait
for each other by spinning (for a second after each message: ``SpinCondition`` in its ``shm_broadcast.py``), so on two
cores they starve the process that takes the requests, and levels of one and the same engine differ by a factor of
four. That process therefore gets a higher priority here, on both sides, which takes root; without it the figures say
nothing at 8 clients and more. ``--control`` puts a second bare engine in the place of ours, and shows what chance
gives. ``benchmarks.first_token vllm`` measures the start.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path
from statistics import median

import psutil
from benchmarks.first_token import BARE, Started, applied, bare

import llmwright

CONFIG = "vllm: {enforce-eager: true, max-num-seqs: 32}"
REPEATS = 3
"""How often each level is asked of one engine; its median counts."""
PRIORITY = -10
Figures = dict[int, tuple[float, float]]
"""Output tokens per second and milliseconds to the first token, for each number of clients."""


def main() -> None:
    given = arguments()
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with applied("vllm", folder, CONFIG) as ours:
            argv = ours.argv
            show_processes(ours.process)
        pairs = [pair(argv, folder, number, given) for number in range(given.pairs)]
    for concurrency in given.concurrency:
        report(concurrency, pairs, "a second bare engine" if given.control else "ours")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--concurrency", type=lambda text: [int(each) for each in text.split(",")], default=[1, 8, 32])
    parser.add_argument("--control", action="store_true")
    return parser.parse_args()


def show_processes(engine: psutil.Process) -> None:
    """Print what listens: the engine's own processes, and none of ours."""
    for process in (engine, *engine.children(recursive=True)):
        ports = [each.laddr.port for each in process.net_connections("tcp") if each.status == "LISTEN"]
        print(f"  {process.pid} {' '.join(process.cmdline())[:100]} {f'listens on {ports}' if ports else ''}")


def pair(argv: tuple[str, ...], folder: Path, number: int, given: argparse.Namespace) -> tuple[Figures, Figures]:
    """Return the figures of ours, or of the control, and of the bare engine, in turning order."""
    figures: dict[bool, Figures] = {}
    for ours in (True, False) if number % 2 else (False, True):
        theirs = bare(argv, folder, BARE["vllm"])
        with applied("vllm", folder, CONFIG) if ours and not given.control else theirs as server:
            figures[ours] = measured(server, number, given)
        print(f"  pair {number}, {'ours' if ours else 'bare'}: {json.dumps(figures[ours])}", flush=True)
    return figures[True], figures[False]


def measured(server: Started, number: int, given: argparse.Namespace) -> Figures:
    """Return the median of each level, after one that warms up.

    No two levels hold the same prompts: the engine has a cache of them."""
    try:
        server.process.nice(PRIORITY)
    except psutil.AccessDenied:
        print("  no right to raise a priority: the engine's own processes may starve its server")
    ask(server.url, 8, number, given.tokens)
    figures: Figures = {}
    for concurrency in given.concurrency:
        seeds = (1000 * concurrency + 100 * number + turn for turn in range(REPEATS))
        levels = [ask(server.url, concurrency, seed, given.tokens) for seed in seeds]
        figures[concurrency] = median(speed for speed, _ in levels), median(first for _, first in levels)
    return figures


def ask(url: str, concurrency: int, seed: int, tokens: int) -> tuple[float, float]:
    asked = llmwright.bench(
        url, model="demo", concurrency=(concurrency,), requests=max(64, 8 * concurrency), input_tokens=32,
        output_tokens=tokens, seed=seed,
    )  # fmt: skip
    (level,) = asked.levels
    for failure in level.failures:
        print(f"  {url}: {failure.count} requests failed: {failure.example}", flush=True)
    assert level.ttft_ms is not None
    return level.output_tokens_per_s or 0.0, level.ttft_ms.p50


def report(concurrency: int, pairs: list[tuple[Figures, Figures]], name: str) -> None:
    sides = [(ours[concurrency], theirs[concurrency]) for ours, theirs in pairs]
    speed, first = (median(theirs[place] for _, theirs in sides) for place in range(2))
    print(f"{concurrency:3} clients, {len(pairs)} pairs: bare {speed:.0f} tokens/s, {first:.0f} ms; {name} over bare:")
    for place, what in enumerate(("throughput", "time to first token")):
        ratios = [ours[place] / theirs[place] for ours, theirs in sides]
        print(f"  {what} {median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})", flush=True)


if __name__ == "__main__":
    main()
