"""From the tokens of one answer to pieces of its parts."""

from __future__ import annotations

from collections.abc import Sequence

from llmwright_runtime_hf.serve.engine.answer_parts import PartMarks, Piece
from llmwright_runtime_hf.serve.engine.detokenizer import Detokenizer
from llmwright_runtime_hf.serve.engine.model_loading import LoadedModel


class PartReader:
    """Read the tokens of one answer to ``prompt``. ``special`` shows special tokens that are no marks."""

    def __init__(self, loaded: LoadedModel, marks: PartMarks, prompt: Sequence[int], *, special: bool = False) -> None:
        self._loaded = loaded
        self._marks = marks.marks
        self._special = special
        self._detokenizer = self._new_detokenizer()
        self.parts = marks.after(prompt, loaded.decode)
        self.reasoning_tokens = 0
        """The tokens so far whose text is reasoning."""

    def read(self, token: int) -> list[Piece]:
        """Return what is final with a token."""
        mark = self._marks.get(token)
        if mark is not None:
            return [*self.rest(), *self.parts.mark(mark)]
        self.reasoning_tokens += self.parts.in_reasoning
        return self.parts.text(self._detokenizer.push(token))

    def rest(self) -> list[Piece]:
        """Return what an incomplete character leaves. The text after a mark does not depend on that before it."""
        rest = self._detokenizer.finish()
        self._detokenizer = self._new_detokenizer()
        return self.parts.text(rest)

    def _new_detokenizer(self) -> Detokenizer:
        return Detokenizer(lambda tokens: self._loaded.decode(tokens, special=self._special))
