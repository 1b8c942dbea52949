"""Rows in flat arrays."""

from __future__ import annotations

from llmwright_tuning_qlora.train.data.token_rows import IGNORE_INDEX, TokenRow, TokenRows


def test_rows_come_back_as_they_went_in() -> None:
    rows = TokenRows()
    rows.append(TokenRow([1, 2, 3], [0, 0, 1]))
    rows.append(TokenRow([4], [1]))
    assert rows.lengths == [3, 1]
    assert rows[0].labels == [IGNORE_INDEX, IGNORE_INDEX, 3]
    assert list(rows[1].ids) == [4]
