"""Who multiplies the matrices of ``hf`` on a CPU: torch's first choice against oneDNN, layer by layer, in turns.

    python -m benchmarks.matrix_products [--layers 640x640,640x1728] [--rows 1,8,32,128,512] [--rounds 20] [--threads 2]

Each layer is float32, IN x OUT. ``hf`` tries the same at its start, with its own layers (``engine/onednn_linear.py``).
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

WAYS = ("torch", "oneDNN")


def main() -> None:
    given = arguments()
    import torch

    torch.set_num_threads(given.threads)
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs, {given.rounds} rounds", flush=True)
    for inputs, outputs in given.layers:
        for rows in given.rows:
            times = measure(rows, inputs, outputs, given.rounds)
            torchs, ours = (statistics.median(times[way]) for way in WAYS)
            products = 2 * rows * inputs * outputs / 1e9
            print(
                f"  {inputs}x{outputs}, {rows} rows: torch {1e3 * torchs:.3f} ms ({products / torchs:.0f} Gflop/s),"
                f" oneDNN {1e3 * ours:.3f} ms ({products / ours:.0f} Gflop/s): {torchs / ours:.2f} times as fast"
            )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sizes = [(640, 640), (640, 1728), (4096, 14336)]
    parser.add_argument("--layers", type=layers, default=sizes, metavar="INxOUT,...")
    parser.add_argument("--rows", type=lambda text: [int(each) for each in text.split(",")], default=[1, 8, 32, 512])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    return parser.parse_args()


def layers(text: str) -> list[tuple[int, int]]:
    sizes = [each.split("x") for each in text.split(",")]
    return [(int(inputs), int(outputs)) for inputs, outputs in sizes]


def measure(rows: int, inputs: int, outputs: int, rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each product, way by way; the first of each warms up."""
    import torch
    from torch.nn import Linear

    from llmwright_runtime_hf.serve.engine.onednn_linear import by_onednn, by_torch

    ways: dict[str, Callable[..., Any]] = dict(zip(WAYS, (by_torch, by_onednn), strict=True))
    times: dict[str, list[float]] = {way: [] for way in WAYS}
    layer, given = Linear(inputs, outputs), torch.randn(rows, inputs)
    with torch.inference_mode():
        for number in range(rounds + 1):
            for way in WAYS:
                began = time.perf_counter()
                ways[way](given, layer)
                times[way] += [time.perf_counter() - began] if number else []
    return times


if __name__ == "__main__":
    main()
