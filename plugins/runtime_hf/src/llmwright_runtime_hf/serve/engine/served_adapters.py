"""Adapters by their served names: loaded and unloaded in steps, between which the model goes on with its requests."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from llmwright_runtime_hf.serve.engine.answer import warm_up
from llmwright_runtime_hf.serve.engine.batch_probe import probe_mixing
from llmwright_runtime_hf.serve.engine.chat_template import ChatTemplate
from llmwright_runtime_hf.serve.engine.lora_adapters import BASE, LoraAdapters, ReadAdapter
from llmwright_runtime_hf.serve.engine.model_loading import LoadedModel, own_ends_of, template_of
from llmwright_runtime_hf.serve.engine.served_names import ServedNames
from llmwright_runtime_hf.serve.serve_options import AdapterSpec
from llmwright_runtime_hf.serve.server_metrics import ServerMetrics

_log = logging.getLogger("llmwright.serve")
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class _NewAdapter:
    """An adapter that is read: its weights, its template, and the tokens that end its answers."""

    read: ReadAdapter
    template: ChatTemplate | None
    ends: frozenset[int] | None


class ServedAdapters:
    """The adapters of one model. ``read`` may run in any thread, everything else in the model's."""

    def __init__(
        self, loaded: LoadedModel, adapters: LoraAdapters, names: ServedNames, metrics: ServerMetrics, *, batches: bool
    ) -> None:
        """``batches``: rows share passes, so it is tried whether those of different adapters may."""
        self._loaded = loaded
        self._adapters = adapters
        self._names = names
        self._metrics = metrics
        self._batches = batches
        self._keys: dict[str, str] = {names.served_model_name: BASE}
        self._mixable = {BASE}
        self._leaving: dict[str, str] = {}

    def read(self, spec: AdapterSpec) -> _NewAdapter:
        """Read and judge the files of an adapter. Raises ConfigError if it cannot be served."""
        base = self._loaded.templates.get(self._names.served_model_name)
        template = template_of(self._loaded.tokenizer, spec.path, base)
        return _NewAdapter(self._adapters.read(spec), template, own_ends_of(spec.name, spec.path))

    def load(self, new: _NewAdapter) -> Iterator[None]:
        """Serve an adapter once all steps are done. Raises LLMwrightError, and then nothing has changed."""
        name = new.read.spec.name
        key = self._adapters.add(new.read)
        try:
            yield
            self._adapters.select([key])
            warm_up(self._loaded, name)
            yield
            if self._batches and self._mixes(key):
                self._mixable.add(key)
            elif self._batches:
                _log.warning("adapter %s is not mixed with others in one pass: they take turns", name)
        except BaseException:
            self._adapters.remove(key)
            raise
        self._name(name, key, new)

    def unload(self, name: str) -> Iterator[None]:
        """Know the name no longer. Requests that have begun go on."""
        key = self._keys.pop(name, None)
        if key is not None:
            self._leaving[key] = name
        yield

    def key_of(self, name: str) -> str | None:
        """Return the key of what is served as ``name``; None where nothing is."""
        return self._keys.get(name)

    def select(self, keys: Sequence[str]) -> None:
        """Apply to each row of the next pass the adapter of its key."""
        self._adapters.select(keys)

    def may_share(self, one: str, other: str) -> bool:
        """Return whether rows of two keys may share a pass."""
        return one == other or {one, other} <= self._mixable

    def let_go(self, uses: Callable[[str], bool]) -> list[str]:
        """Take unloaded adapters that no request uses any more out of the model. Return their keys."""
        gone = [key for key in self._leaving if not uses(key)]
        for key in gone:
            name = self._leaving.pop(key)
            self._mixable.discard(key)
            self._adapters.remove(key)
            if name not in self._keys:
                self._metrics.end_model(name)
                _put(self._loaded.templates, name, None)
                _put(self._loaded.own_ends, name, None)
            _log.info("adapter %s is unloaded", name)
        return gone

    def _mixes(self, key: str) -> bool:
        other = next((known for known in self._mixable if known != BASE), None)
        tried = [BASE, key, *([other] if other else [])]
        return probe_mixing(self._loaded.model, self._adapters.select, tried)

    def _name(self, name: str, key: str, new: _NewAdapter) -> None:
        replaced = self._keys.get(name)
        if replaced is not None:
            self._leaving[replaced] = name
        _put(self._loaded.templates, name, new.template)
        _put(self._loaded.own_ends, name, new.ends)
        self._keys[name] = key
        self._metrics.begin_model(name)
        # The name last: a request that sees it finds the rest.
        self._names.add(name)
        _log.info("adapter %s is loaded from %s", name, new.read.spec.path)


def _put(table: dict[str, _Value], name: str, value: _Value | None) -> None:
    if value is None:
        table.pop(name, None)
    else:
        table[name] = value
