"""The runtime ``vllm`` against bare ``vllm serve`` with the same flags: what runs, and what it gives.

    LLMWRIGHT_VLLM=.venv-vllm python -m benchmarks.serve_vllm [--rounds 9] [--concurrency 1,8,32]

Both engines are up at once, and are asked in turn: a pair is one level on each of them, and its ratio is ours over
theirs. ``benchmarks.first_token vllm`` measures the start.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from statistics import median, quantiles

import psutil
from benchmarks.first_token import BARE, applied, bare

import llmwright

CONFIG = "vllm: {enforce-eager: true, max-num-seqs: 32}"


def main() -> None:
    given = arguments()
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with applied("vllm", folder, CONFIG) as ours, bare(ours.argv, folder, BARE["vllm"]) as theirs:
            show_processes(ours.process)
            for concurrency in given.concurrency:
                pairs = [pair(ours.url, theirs.url, concurrency, number, given) for number in range(given.rounds)]
                report(concurrency, pairs)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--concurrency", type=lambda text: [int(each) for each in text.split(",")], default=[1, 8, 32])
    return parser.parse_args()


def show_processes(engine: psutil.Process) -> None:
    """Print what listens: the engine's own processes, and none of ours."""
    for process in (engine, *engine.children(recursive=True)):
        ports = [each.laddr.port for each in process.net_connections("tcp") if each.status == "LISTEN"]
        print(f"  {process.pid} {' '.join(process.cmdline())[:100]} {f'listens on {ports}' if ports else ''}")


def pair(ours: str, theirs: str, concurrency: int, number: int, given: argparse.Namespace) -> dict[str, float]:
    """Return the ratios of one pair. Every second pair begins with the other engine."""
    figures: dict[str, tuple[float, float]] = {}
    for url in (ours, theirs) if number % 2 else (theirs, ours):
        asked = llmwright.bench(
            url, model="demo", concurrency=(concurrency,), requests=max(64, 16 * concurrency), input_tokens=32,
            output_tokens=given.tokens, seed=number,
        )  # fmt: skip
        (level,) = asked.levels
        for failure in level.failures:
            whose = "ours" if url == ours else "bare"
            print(f"  {whose}: {failure.count} requests failed: {failure.example}", flush=True)
        assert level.ttft_ms is not None
        figures[url] = (level.output_tokens_per_s or 0.0, level.ttft_ms.p50)
    (speed, first), (bare_speed, bare_first) = figures[ours], figures[theirs]
    return {"tokens/s": speed, "ms": first, "throughput": speed / bare_speed, "time to first token": first / bare_first}


def report(concurrency: int, pairs: list[dict[str, float]]) -> None:
    middle = {name: median(each[name] for each in pairs) for name in pairs[0]}
    # Quartiles: on two cores now and then a stream waits for the engine's own process, on either side, for seconds.
    spans = {name: quantiles([each[name] for each in pairs], n=4, method="inclusive") for name in pairs[0]}
    ratios = "; ".join(
        f"{name} {middle[name]:.3f} (half of the pairs {spans[name][0]:.3f} to {spans[name][2]:.3f})"
        for name in ("throughput", "time to first token")
    )
    print(f"{concurrency:3} clients, {len(pairs)} pairs: {middle['tokens/s']:.0f} tokens/s, {middle['ms']:.0f} ms; "
          f"ours over bare: {ratios}", flush=True)  # fmt: skip
    print(json.dumps({"concurrency": concurrency, "median": middle}), file=sys.stderr)


if __name__ == "__main__":
    main()
