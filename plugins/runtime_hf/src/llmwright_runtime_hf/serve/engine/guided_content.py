"""Answers of a given shape whose content comes after other messages: reasoning is free, the content has the shape."""

from __future__ import annotations

from collections.abc import Sequence

from llmwright_runtime_hf.serve.engine.channels import CHANNEL, Channels
from llmwright_runtime_hf.serve.engine.guides import Guided
from llmwright_runtime_hf.serve.engine.model_loading import LoadedModel


class GuidedContent:
    """The state of one answer. The content is guided by ``answer``; before it, nothing ends the answer."""

    def __init__(self, answer: Guided, loaded: LoadedModel, prompt: Sequence[int]) -> None:
        self._answer = answer
        self._loaded = loaded
        self._marks = loaded.channel_tokens.marks
        self._channels: Channels = loaded.channel_tokens.after(prompt, loaded.decode)
        self._content = list[int]()
        self._read = 0

    def follow(self, tokens: Sequence[int]) -> None:
        """Read the answer's ``tokens`` so far; those that were read before are not read again."""
        for token in tokens[self._read :]:
            if self._channels.in_content:
                # The shape has no marks in it: once begun, the content goes on to the end of the answer.
                self._content.append(token)
            elif token in self._marks:
                self._channels.mark(self._marks[token])
            else:
                self._channels.text(self._loaded.decode([token]))
        self._read = max(self._read, len(tokens))
        self._answer.follow(self._content)

    @property
    def may_end(self) -> bool:
        """Whether the content is whole."""
        return self._channels.in_content and self._answer.may_end

    @property
    def complete(self) -> bool:
        """Whether the content is whole and nothing can follow."""
        return self._channels.in_content and self._answer.complete

    def allowed(self) -> bytes:
        """Return a byte for each token of the vocabulary, 0 where it may not follow."""
        mask = self._answer.allowed()
        if self._channels.in_content:
            return mask
        if not self._channels.at_first_mark:
            return b"\x01" * len(mask)
        # A text without a header would be content already, and of any shape.
        first = bytearray(len(mask))
        first[self._loaded.channel_tokens.id_of(CHANNEL)] = 1
        return bytes(first)
