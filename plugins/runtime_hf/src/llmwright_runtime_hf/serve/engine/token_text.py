"""The bytes of single tokens: a token may be a part of a character, which no text can show."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from transformers import PreTrainedTokenizerBase
from transformers.convert_slow_tokenizer import bytes_to_unicode

from llmwright.reading.json_reader import read_json

_BYTE = re.compile("<0x([0-9A-F]{2})>")
_BLANK = "▁"
"""Stands for a blank in SentencePiece's vocabularies."""


class TokenText:
    """Give the bytes of each token of a tokenizer, as they stand in the middle of a text."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        kinds = _decoders(tokenizer)
        self._letters = {letter: byte for byte, letter in bytes_to_unicode().items()} if "ByteLevel" in kinds else {}
        self._falls_back = "ByteFallback" in kinds
        self._added = frozenset(getattr(tokenizer, "added_tokens_decoder", {}))
        self.of = lru_cache(maxsize=65536)(self._of)
        """Return the bytes of a token by its id."""

    def _of(self, token: int) -> bytes:
        written = self._tokenizer.convert_ids_to_tokens(token)
        if not isinstance(written, str):
            # The model's vocabulary may be larger than the tokenizer's.
            return b""
        if token in self._added:
            return written.encode()
        if self._letters and all(letter in self._letters for letter in written):
            return bytes(self._letters[letter] for letter in written)
        byte = _BYTE.fullmatch(written) if self._falls_back else None
        return bytes([int(byte[1], 16)]) if byte else written.replace(_BLANK, " ").encode()


def _decoders(tokenizer: PreTrainedTokenizerBase) -> frozenset[str]:
    """Return the names of the decoders of a fast tokenizer."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    decoder = backend.decoder if backend is not None else None
    if decoder is None:
        return frozenset()
    state: dict[str, Any] = read_json(decoder.__getstate__())
    return frozenset(part["type"] for part in state.get("decoders", [state]))
