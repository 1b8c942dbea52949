"""Which columns of a data set hold the examples."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from llmwright.errors import ConfigError
from llmwright_tuning_qlora.config_sections import DatasetSection

ACCEPTED = (
    'accepted are {"messages": [{"role", "content"}, …]}, {"prompt", "completion"} and {"text"}, '
    "or columns named in DatasetConfig"
)


TOOLS = "tools"
"""A column beside messages: the functions that the model may call, as JSON schemas."""


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """The columns that are used, and how: as messages, as a prompt and an answer, or as plain text.

    ``named``: the user named them, and so left all others out.
    """

    kind: Literal["messages", "pair", "text"]
    columns: tuple[str, ...]
    named: bool = False


def map_columns(columns: Iterable[str], section: DatasetSection) -> ColumnMapping:
    """Return the mapping for rows with ``columns``. Columns that ``DatasetConfig`` names come first.

    Raises:
        ConfigError: no mapping fits. It lists the columns and the accepted ones.
    """
    present = list(columns)
    for mapping in _named_by_user(section):
        missing = [name for name in mapping.columns if name not in present]
        if missing:
            raise _wrong_columns(present, f"no column {missing[0]!r}, which DatasetConfig names")
        return mapping
    for kind, needed in (("messages", ("messages",)), ("pair", ("prompt", "completion"))):
        if all(name in present for name in needed):
            return ColumnMapping("messages" if kind == "messages" else "pair", needed)
    if section.response_column in present:
        return ColumnMapping("text", (section.response_column,))
    raise _wrong_columns(present, "wrong columns")


def _named_by_user(section: DatasetSection) -> list[ColumnMapping]:
    if section.messages_column:
        return [ColumnMapping("messages", (section.messages_column,), named=True)]
    if section.context_column:
        return [ColumnMapping("pair", (section.context_column, section.response_column), named=True)]
    if section.response_column != "text":
        return [ColumnMapping("text", (section.response_column,), named=True)]
    return []


def _wrong_columns(present: list[str], fault: str) -> ConfigError:
    names = ", ".join(repr(name) for name in present) or "no columns"
    return ConfigError(f"{fault}: found {names}", hint=ACCEPTED, reason="DatasetColumns")
