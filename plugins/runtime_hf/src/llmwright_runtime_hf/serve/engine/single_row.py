"""One row at a time: for a model whose sequences cannot share a pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from transformers import PreTrainedModel

from llmwright_runtime_hf.serve.engine.decode_loop import Decoder
from llmwright_runtime_hf.serve.engine.rows import Row, Token
from llmwright_runtime_hf.serve.engine.sampling import NoTokenError


class SingleRow:
    """``Rows`` for one. ``select`` is called with the row's model before each pass."""

    most = 1
    reads_together = False
    shares_prefixes = False

    def __init__(self, model: PreTrainedModel, select: Callable[[Sequence[str]], None]) -> None:
        self._model = model
        self._select = select
        self._decoder: Decoder | None = None
        self.rows: list[Row] = []

    def recall(self, row: Row) -> None:
        """Know nothing of any beginning."""

    def read_together(self, rows: Sequence[Row]) -> list[Token]:
        """Read the rows one by one."""
        return [self.read(row, row.unread) for row in rows]

    def read(self, row: Row, most: int) -> Token:
        """Read all, and return the next token."""
        self._decoder = Decoder(self._model, row.tokens, row.sampler)
        return self._next(row)

    def join(self, rows: Sequence[Row]) -> None:
        """Hold the row that was read."""
        self.rows += rows

    def step(self) -> list[Token]:
        """Return the row's next token."""
        return [self._next(row) for row in self.rows]

    def leave(self, leaving: Sequence[Row]) -> None:
        """Let go of the row."""
        self.rows = [row for row in self.rows if row not in leaving]
        self._decoder = None

    def forget(self, model: str) -> None:
        """Keep nothing anyway."""

    def clear(self) -> None:
        """Let go of the row."""
        self.rows, self._decoder = [], None

    def _next(self, row: Row) -> Token:
        assert self._decoder is not None
        self._select([row.model])
        try:
            token = self._decoder.step()
        except NoTokenError as error:
            return error
        row.read = len(row.tokens)
        row.tokens.append(token)
        return token
