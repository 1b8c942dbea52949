"""Answers of a given shape: which tokens may come next, by the grammars of llguidance.

llguidance is imported here alone, and late: most requests ask for no shape.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from llmwright.reading.files import Unreadable
from llmwright.reading.json_reader import read_json

if TYPE_CHECKING:
    from llguidance import LLMatcher, LLTokenizer

MOST_CHARACTERS = 64 * 1024
"""A schema of that many takes up to 1.5 s (2 cores); the time grows with the square of its properties."""
_MOST_KEPT = 16
_MOST_LOOKS = 200
_BLANKS = r"[\x20\x0A\x0D\x09]{1,16}"
"""Blanks between the parts of JSON. A small model would fill an answer with them where any number is allowed."""

Kind = Literal["json", "regex", "choice", "lark"]


class GuideRefusedError(ValueError):
    """No grammar can be made of what was asked. ``path`` leads to the place in it, empty for the whole."""

    def __init__(self, message: str, path: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.path = path


@dataclass(frozen=True, slots=True)
class GuideSource:
    """A shape: the JSON of a schema, a regular expression, the JSON of a list of texts, or a grammar in Lark's form."""

    kind: Kind
    text: str


class Guided(Protocol):
    """The state of one answer that is kept to a shape."""

    def follow(self, tokens: Sequence[int]) -> None:
        """Read the answer's ``tokens`` so far."""

    @property
    def may_end(self) -> bool:
        """Whether the answer is whole."""

    @property
    def complete(self) -> bool:
        """Whether the answer is whole and nothing can follow."""

    def allowed(self) -> bytes:
        """Return a byte for each token of the vocabulary, 0 where it may not follow."""


class Guide:
    """A shape that is ready for answers."""

    def __init__(self, matcher: LLMatcher) -> None:
        self._matcher = matcher

    def begin(self) -> GuidedAnswer:
        """Return the state for one answer."""
        return GuidedAnswer(self._matcher.deep_copy())


class GuidedAnswer:
    """The state of one answer."""

    def __init__(self, matcher: LLMatcher) -> None:
        self._matcher = matcher
        self._read = 0

    def follow(self, tokens: Sequence[int]) -> None:
        """Read the answer's ``tokens`` so far; those that were read before are not read again."""
        for token in tokens[self._read :]:
            self._matcher.consume_token(token)
        self._read = max(self._read, len(tokens))

    @property
    def may_end(self) -> bool:
        """Whether the answer is whole."""
        return bool(self._matcher.is_accepting())

    @property
    def complete(self) -> bool:
        """Whether the answer is whole and nothing can follow."""
        return bool(self._matcher.is_stopped()) and not self._matcher.is_error()

    def allowed(self) -> bytes:
        """Return a byte for each token of the vocabulary, 0 where it may not follow. All are 0 after an error."""
        mask: bytes = self._matcher.compute_logit_bias()
        return bytes(len(mask)) if self._matcher.is_error() else mask


class GuideCompiler:
    """Make guides for one tokenizer. Callable from any thread; one is made at a time."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, vocabulary: int) -> None:
        self._tokenizer = tokenizer
        self._vocabulary = max(vocabulary, len(tokenizer))
        self._lock = threading.Lock()
        self._kept: OrderedDict[GuideSource, Guide] = OrderedDict()
        self._words: LLTokenizer | None = None

    def compile(self, source: GuideSource) -> Guide:
        """Return the guide.

        Raises:
            GuideRefusedError: no grammar can be made of it, it is too large, or llguidance cannot read the tokenizer.
        """
        if len(source.text) > MOST_CHARACTERS:
            raise GuideRefusedError(f"it has {len(source.text)} characters, and at most {MOST_CHARACTERS} are read")
        with self._lock:
            if source not in self._kept:
                self._kept[source] = self._compile(source)
            self._kept.move_to_end(source)
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
            return self._kept[source]

    def _compile(self, source: GuideSource) -> Guide:
        try:
            from llguidance import LLMatcher
        except ImportError as error:
            raise GuideRefusedError("llguidance is not installed on the server") from error
        words = self._vocabulary_words()
        if source.kind == "json":
            source = GuideSource("json", _object_schema(source.text))
        matcher = LLMatcher(words, _grammar(source), log_level=0, limits=_limits())
        if matcher.is_error():
            path = _fault_path(source, words) if source.kind == "json" else ()
            raise GuideRefusedError(_first_line(matcher.get_error()), path)
        first = matcher.deep_copy()
        first.compute_logit_bias()
        if first.is_error() or (first.is_stopped() and not first.is_accepting()):
            raise GuideRefusedError("no answer has this shape, or its first token takes too many steps")
        return Guide(matcher)

    def _vocabulary_words(self) -> LLTokenizer:
        if self._words is None:
            from llguidance.hf import from_tokenizer

            if not isinstance(self._tokenizer, PreTrainedTokenizerFast):
                raise GuideRefusedError("this model's tokenizer is of a kind that has no grammars")
            try:
                ends = self._tokenizer.eos_token_id
                self._words = from_tokenizer(self._tokenizer, n_vocab=self._vocabulary, eos_token=ends)
            except Exception as error:
                # Its Rust half raises what comes, for a kind of tokenizer that it does not know.
                raise GuideRefusedError(f"this model's tokenizer has no grammars: {_first_line(str(error))}") from error
        return self._words


def _grammar(source: GuideSource) -> str:
    from llguidance import LLMatcher

    grammar: str
    if source.kind == "json":
        grammar = LLMatcher.grammar_from_json_schema(source.text, overrides={"whitespace_pattern": _BLANKS})
    elif source.kind == "regex":
        grammar = LLMatcher.grammar_from_regex(source.text)
    elif source.kind == "choice":
        texts = (json.dumps(text, ensure_ascii=False) for text in read_json(source.text, MOST_CHARACTERS))
        grammar = LLMatcher.grammar_from_lark(f"start: {' | '.join(texts)}")
    else:
        grammar = LLMatcher.grammar_from_lark(source.text)
    return grammar


def _object_schema(text: str) -> str:
    """Return the schema as an object: ``true`` allows any JSON.

    Raises GuideRefusedError for one that allows nothing, is no schema, is nested too deep, or has half of a character.
    """
    try:
        schema = read_json(text, MOST_CHARACTERS)
    except Unreadable as error:
        raise GuideRefusedError(f"the schema {error}") from error
    if schema is True:
        return "{}"
    if not isinstance(schema, dict):
        raise GuideRefusedError("false allows no answer" if schema is False else "a schema is an object")
    return text


def _limits() -> Any:
    from llguidance import LLParserLimits

    # Errors of the default kind show the grammar.
    return LLParserLimits(verbose_errors=False)


def _fault_path(source: GuideSource, words: LLTokenizer) -> tuple[str, ...]:
    """Return the path of the smallest part of a wrong schema that is wrong by itself."""
    from llguidance import LLMatcher

    root = read_json(source.text, MOST_CHARACTERS)
    shared = {name: root[name] for name in ("$defs", "definitions") if isinstance(root, dict) and name in root}
    looks = 0

    def is_wrong(schema: Any) -> bool:
        nonlocal looks
        looks += 1
        # A reference from the root stays right where the part is looked at alone.
        whole = {**shared, **schema} if isinstance(schema, dict) else schema
        grammar = LLMatcher.grammar_from_json_schema(json.dumps(whole))
        return bool(LLMatcher.validate_grammar(grammar, words, limits=_limits()))

    path: tuple[str, ...] = ()
    schema = root
    while looks < _MOST_LOOKS:
        part = next((part for part in _parts(schema) if looks < _MOST_LOOKS and is_wrong(part[1])), None)
        if part is None:
            break
        path, schema = (*path, *part[0]), part[1]
    return path


def _parts(schema: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the schemas directly below ``schema``, with their paths."""
    if not isinstance(schema, dict):
        return
    for name in ("properties", "patternProperties", "$defs", "definitions"):
        below = schema.get(name)
        yield from (((name, key), part) for key, part in below.items()) if isinstance(below, dict) else ()
    for name in ("anyOf", "oneOf", "allOf", "prefixItems"):
        below = schema.get(name)
        yield from (((name, str(key)), part) for key, part in enumerate(below)) if isinstance(below, list) else ()
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            yield (name,), schema[name]


def _first_line(text: str) -> str:
    """Return the line that says the cause: of a regular expression the one below its picture."""
    lines = [line.strip() for line in text.splitlines() if line.strip()] or ["no grammar"]
    causes = [line for line in lines if line.startswith("error: ")]
    return (causes or lines)[0].removeprefix("error: ")
