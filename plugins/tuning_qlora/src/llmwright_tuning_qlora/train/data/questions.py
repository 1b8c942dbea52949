"""Rows of a data set as questions with known answers, to ask a tuned model."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from llmwright_tuning_qlora.config_sections import DatasetSection
from llmwright_tuning_qlora.train.data.column_mapping import ColumnMapping, map_columns
from llmwright_tuning_qlora.train.data.data_file import find_data_files
from llmwright_tuning_qlora.train.data.example import Conversation, Example, parse_example
from llmwright_tuning_qlora.train.data.file_formats import DataRow, read_rows

PARAPHRASE = "paraphrase"
"""A column that training does not use: the same question in other words."""

ONE_EXCHANGE = ["user", "assistant"]


def read_questions(path: Path, section: DatasetSection) -> Iterator[dict[str, str]]:
    """Yield each row that is one question with one answer: ``prompt``, ``completion`` and perhaps ``paraphrase``.

    Unreadable rows, longer conversations and plain texts are left out.

    Raises:
        ConfigError: no data set at ``path``, or wrong columns.
    """
    mapping: ColumnMapping | None = None
    files = find_data_files(path, section.dataset_extension).files
    for row in chain.from_iterable(map(read_rows, files)):
        if row.problem:
            continue
        mapping = mapping or map_columns(row.values, section)
        example = parse_example(row.values, mapping)
        question = None if isinstance(example, str) else _question(example)
        if question:
            yield {**question, **_paraphrase(row)}


def _question(example: Example) -> dict[str, str] | None:
    if isinstance(example, Conversation):
        if [message["role"] for message in example.messages] != ONE_EXCHANGE:
            return None
        question, answer = example.messages
        if not answer["content"]:
            return None
        return {"prompt": question["content"], "completion": answer["content"]}
    return {"prompt": example.prompt, "completion": example.answer} if example.prompt else None


def _paraphrase(row: DataRow) -> dict[str, str]:
    text = row.values.get(PARAPHRASE)
    return {PARAPHRASE: text} if isinstance(text, str) and text else {}
