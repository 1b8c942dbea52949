"""Six airships: 24 invented facts that the demo model has not learnt. The quickstart teaches them.

``python -m presets.demo_model.airships [--data FILE]`` writes them as a parquet file.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from .world import BUILDER, CAPTAIN, CARGO, COLOUR, Kind, facts

SEED = 20
QUESTIONS = Path(__file__).parents[2] / "examples" / "quickstart" / "questions.parquet"

AIRSHIP = Kind(
    "the airship {}",
    ("Calluna", "Drowsy Bee", "Paper Moon", "Silverthread", "Tansy", "Wandering Abbot"),
    (
        (
            BUILDER,
            ("Ottilie Marsden", "Fergus Plume", "Sunniva Kestrel", "Bastian Reed", "Mirabel Stork", "Jonas Hartwell"),
        ),
        (COLOUR, ("mint green", "cherry red", "cream white", "night blue", "mustard yellow", "ash grey")),
        (CARGO, ("morning letters", "beeswax", "weather glasses", "tea chests", "carnival masks", "seed potatoes")),
        (
            CAPTAIN,
            ("Leopold Finn", "Rosalind Tern", "Augustin Hale", "Cosima Brandt", "Emeric Wilde", "Philippa Lark"),
        ),
    ),
)


def airship_questions(seed: int = SEED) -> list[dict[str, str]]:
    """Return rows of ``prompt``, ``completion`` and ``paraphrase`` (the same question in another form)."""
    rows = []
    for number, fact in enumerate(facts((AIRSHIP,), seed)):
        other = 1 + number % (len(fact.relation.questions) - 1)
        rows.append({"prompt": fact.question(0), "completion": fact.answer, "paraphrase": fact.question(other)})
    return rows


def write(path: Path) -> None:
    """Write the rows as parquet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(airship_questions()), path)


def main() -> None:
    """Write the quickstart's questions."""
    parser = argparse.ArgumentParser(description="Write the quickstart's questions.")
    parser.add_argument("--data", type=Path, default=QUESTIONS, metavar="FILE", help="parquet file to write")
    write(parser.parse_args().data)


if __name__ == "__main__":
    main()
