"""Answers of a given shape whose content comes after other parts: reasoning is free, the content has the shape."""

from __future__ import annotations

from collections.abc import Sequence

from llmwright_runtime_hf.serve.engine.answer_parts import PartMarks, Piece
from llmwright_runtime_hf.serve.engine.guides import Guided
from llmwright_runtime_hf.serve.engine.interface import CONTENT
from llmwright_runtime_hf.serve.engine.model_loading import LoadedModel
from llmwright_runtime_hf.serve.engine.part_reader import PartReader


class GuidedContent:
    """The state of one answer. The content is guided by ``answer``; before it, nothing ends the answer."""

    def __init__(self, answer: Guided, loaded: LoadedModel, marks: PartMarks, prompt: Sequence[int]) -> None:
        self._answer = answer
        self._loaded = loaded
        self._marks = marks.marks
        self._reader = PartReader(loaded, marks, prompt)
        self._content = list[int]()
        self._read = 0

    def follow(self, tokens: Sequence[int]) -> None:
        """Read the answer's ``tokens`` so far; those that were read before are not read again."""
        for token in tokens[self._read :]:
            inside = self._reader.parts.in_content
            said = self._reader.read(token)
            if self._reader.parts.in_content:
                # The shape has no marks in it: once begun, the content goes on to the end of the answer.
                self._content += [token] if inside else self._begun(token, said)
        self._read = max(self._read, len(tokens))
        self._answer.follow(self._content)

    @property
    def may_end(self) -> bool:
        """Whether the content is whole."""
        return self._reader.parts.in_content and self._answer.may_end

    @property
    def complete(self) -> bool:
        """Whether the content is whole and nothing can follow."""
        return self._reader.parts.in_content and self._answer.complete

    def allowed(self) -> bytes:
        """Return a byte for each token of the vocabulary, 0 where it may not follow."""
        shape, follows = self._answer.allowed(), self._reader.parts.follows
        mask = bytearray({"shape": shape, "none": bytes(len(shape)), "any": b"\x01" * len(shape)}[follows.tokens])
        for token, mark in self._marks.items():
            if mark in follows.marks and token < len(mask):
                may = follows.marks[mark]
                mask[token] = shape[token] if may is None else may
        return bytes(mask)

    def _begun(self, token: int, said: Sequence[Piece]) -> list[int]:
        """Return the tokens of the content that begins with ``token``, which may also be the end of what is before."""
        text = "".join(text for part, text in said if part == CONTENT)
        if not text.strip():
            return []
        return [token] if token in self._marks else self._loaded.encode(text, special=False)
