"""``python -m llmwright_tuning_qlora.train.sample``: a few rows of a data set as questions with known answers."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from llmwright.errors import LLMwrightError
from llmwright_tuning_qlora.config_sections import DatasetSection
from llmwright_tuning_qlora.train.data.column_mapping import Conversation, Example, Shape, choose, interpret
from llmwright_tuning_qlora.train.data.data_file import find
from llmwright_tuning_qlora.train.data.file_formats import Record, read
from llmwright_tuning_qlora.training_config import TrainingConfig

PARAPHRASE = "paraphrase"
"""A column that training does not use: the same question in other words."""

ONE_EXCHANGE = ["user", "assistant"]


def questions(where: Path, wanted: DatasetSection) -> Iterator[dict[str, str]]:
    """Each row that is one question with one answer: ``prompt``, ``completion`` and, where it has one, ``paraphrase``.

    Rows that cannot be read, longer conversations and plain texts are passed over.

    Raises:
        ConfigError: no data set there, or of wrong columns.
    """
    shape: Shape | None = None
    for record in read(find(where, wanted.dataset_extension)):
        if record.problem:
            continue
        shape = shape or choose(record.values, wanted)
        made = interpret(record.values, shape)
        question = None if isinstance(made, str) else _question(made)
        if question:
            yield {**question, **_paraphrase(record)}


def _question(example: Example) -> dict[str, str] | None:
    if isinstance(example, Conversation):
        if [message["role"] for message in example.messages] != ONE_EXCHANGE:
            return None
        asked, answered = example.messages
        return {"prompt": asked["content"], "completion": answered["content"]}
    return {"prompt": example.prompt, "completion": example.answer} if example.prompt else None


def _paraphrase(record: Record) -> dict[str, str]:
    found = record.values.get(PARAPHRASE)
    return {PARAPHRASE: found} if isinstance(found, str) and found else {}


def main(arguments: Sequence[str]) -> int:
    """Print at most ``--rows`` questions as JSON lines; 2 with one line on stderr where the data cannot be used."""
    parser = argparse.ArgumentParser(prog="llmwright_tuning_qlora.train.sample", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=24)
    parser.add_argument("--config", type=Path)
    options = parser.parse_args(arguments)
    try:
        text = options.config.read_text(encoding="utf-8") if options.config else None
        wanted = TrainingConfig.from_yaml(text).dataset if text else DatasetSection()
        for question in islice(questions(options.data, wanted), options.rows):
            print(json.dumps(question, ensure_ascii=False))
    except (LLMwrightError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
