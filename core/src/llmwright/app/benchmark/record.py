"""``Record``: one request and what came back, with the times at which it came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

TIMEOUT = "timeout"
NO_CONNECTION = "no connection"
CONNECTION_LOST = "connection lost"
BROKEN_STREAM = "broken stream"
STREAM_ERROR = "error in the stream"
MALFORMED = "malformed answer"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request has no whole answer: its kind (``HTTP 429``, ``timeout``), and the server's or the network's words.

    ``status`` is the HTTP status of a refusal.
    """

    kind: str
    message: str
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One request. Times are in seconds, of one clock.

    ``pieces`` are the times at which a piece of the answer's text came; empty for an answer that came whole. The tokens
    are those of the server's ``usage``, None where it gives none. ``max_tokens`` is the most that was asked for.
    """

    began: float
    ended: float
    pieces: Sequence[float] = ()
    input_tokens: int | None = None
    output_tokens: int | None = None
    max_tokens: int | None = None
    failure: Failure | None = None

    @property
    def answer_tokens(self) -> int | None:
        """Tokens of the answer: of the usage, else the pieces of a stream; None where neither is known."""
        if self.output_tokens is not None:
            return self.output_tokens
        return len(self.pieces) or None

    @property
    def first_token_s(self) -> float | None:
        """Seconds to the first piece of a stream."""
        return self.pieces[0] - self.began if self.pieces else None

    @property
    def per_token_s(self) -> float | None:
        """Seconds from the first piece to the end for each further token; None for fewer than two."""
        tokens = self.answer_tokens
        if not self.pieces or tokens is None or tokens < 2:
            return None
        # Not to the last piece: tokens without a text of their own, such as special ones, may follow it.
        return (self.ended - self.pieces[0]) / (tokens - 1)
