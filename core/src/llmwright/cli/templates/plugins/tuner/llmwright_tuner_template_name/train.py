"""The workload half. ``trainer`` does what every trainer does; the method is here, and learns nothing yet."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from llmwright.plugins.trainer import Run, main
from llmwright_tuner_template_name.driver import Options


class Method:
    """Put your training here. Its state is one number, which is in every matrix of the adapter."""

    def __init__(self, run: Run[Options]) -> None:
        self.run, self.number = run, 0.5

    def step(self, number: int) -> float:
        """Learn from the rows once, and return the loss."""
        time.sleep(0.03)
        row = self.run.rows[number % len(self.run.rows)]
        return len(row["completion"]) / number

    def save(self, folder: Path) -> None:
        """Write what a run that was interrupted needs to go on."""
        (folder / "number.json").write_text(json.dumps(self.number))

    def load(self, folder: Path) -> None:
        """Go on from there."""
        self.number = json.loads((folder / "number.json").read_text())


def train(run: Run[Options]) -> None:
    """Make the steps that are left, and write the adapter: shape and numbers of each matrix, by its name."""
    method = Method(run)
    run.repeat(method.step, run.options.steps, save=method.save, load=method.load)
    sizes = json.loads((Path(run.model) / "config.json").read_text())
    shape = (run.options.rank, sizes["hidden_size"])
    matrix = (shape, [method.number] * shape[0] * shape[1])
    layers = range(sizes["num_hidden_layers"])
    matrices = {f"layers.{layer}.self_attn.{name}.lora_A": matrix for layer in layers for name in run.targets}
    run.write_adapter(matrices, {"r": run.options.rank, "lora_alpha": 16})


if __name__ == "__main__":
    sys.exit(main(train, Options))
