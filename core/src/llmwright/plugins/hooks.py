"""Calling hooks so that one broken plugin does not take the others with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from llmwright.errors import PluginContract, PluginError
from llmwright.plugins.discovery import PluginEntry
from llmwright.plugins.driver_calls import described, must_pass, plugin_code
from llmwright.plugins.failures import contract

Caller = Callable[[str, PluginEntry, dict[str, Any]], list[Any]]
"""Calls one hook of one plugin with keyword arguments and returns the answers that are not None."""


@dataclass(frozen=True, slots=True)
class HookPlugin:
    """One registered plugin: where it is from and the hooks it answers."""

    entry: PluginEntry
    answers: frozenset[str]


class Hooks:
    """All usable hook plugins, in the order in which they are called.

    ``broken`` are plugins that are installed and cannot be used. Each has cost one line of log already. ``missing`` are
    errors about those that the settings require and that cannot be asked.
    """

    def __init__(
        self,
        plugins: Sequence[HookPlugin],
        broken: Sequence[PluginError],
        call: Caller,
        log: Callable[[str], None],
        trace: Callable[[str], None] | None = None,
        missing: Sequence[PluginError] = (),
    ) -> None:
        self.missing = tuple(missing)
        self.plugins = tuple(plugins)
        self.broken = tuple(broken)
        self._call = call
        self._log = log
        self._trace = trace

    def collect(
        self, hook: str, *, items: type = object, required: bool = False, **arguments: Any
    ) -> list[tuple[PluginEntry, tuple[Any, ...]]]:
        """Return the answer of each plugin to ``hook``, with the plugin; None and empty answers are left out.

        A plugin that raises, or answers with anything else than an iterable of ``items``, costs one line of log and
        its own answer, unless ``required``: then it is the caller's error, for a rule that could not be asked must not
        count as kept.

        Raises:
            PluginError: with ``required``, the first plugin that failed, or that the settings require in vain.
        """
        if required:
            self._refuse_missing()
        answers: list[tuple[PluginEntry, tuple[Any, ...]]] = []
        for plugin in self._answering(hook):
            try:
                answer = self._ask(hook, plugin, items, arguments)
            except PluginContract as error:
                if required:
                    raise
                self._log(error.message)
                continue
            if answer:
                answers.append((plugin.entry, answer))
        return answers

    def revise(
        self, hook: str, subject: str, value: tuple[Any, ...], *, items: type = object, **arguments: Any
    ) -> tuple[Any, ...]:
        """``value`` handed on from plugin to plugin as ``subject``: each one's answer, if any, is the next one's.

        Each plugin is given a copy of its own to change; where none answers, nothing is copied.

        Raises:
            PluginError: a plugin raised, or answered with anything else than an iterable of ``items``, or the settings
                require it in vain: what it would have changed must not be applied unchanged.
        """
        self._refuse_missing()
        for plugin in self._answering(hook):
            value = self._ask(hook, plugin, items, {**arguments, subject: deepcopy(value)}) or value
        return value

    def notify(self, hook: str, **arguments: Any) -> None:
        """Call every observer. An exception is logged, and the next observer is called."""
        for plugin in self._answering(hook):
            try:
                self._run(hook, plugin, arguments)
            except BaseException as error:  # an observer is a stranger's code and may raise anything
                if must_pass(error):
                    raise
                self._log(_raised(plugin.entry, hook, error).message)

    def report(self, line: str) -> None:
        """Write one line about a plugin to the log, where those about broken plugins go."""
        self._log(line)

    def _refuse_missing(self) -> None:
        if self.missing:
            raise self.missing[0]

    def _answering(self, hook: str) -> Iterator[HookPlugin]:
        return (plugin for plugin in self.plugins if hook in plugin.answers)

    def _ask(self, hook: str, plugin: HookPlugin, items: type, arguments: dict[str, Any]) -> tuple[Any, ...]:
        try:
            answer = self._run(hook, plugin, arguments)
        except BaseException as error:  # a stranger's code, as an observer's
            if must_pass(error):
                raise
            raise _raised(plugin.entry, hook, error) from error
        strange = [type(item).__name__ for item in answer if not isinstance(item, items)]
        if strange:
            fault = f"answered {hook} with a {strange[0]}, not a {items.__name__}"
            raise contract(plugin.entry, fault, f"--no-plugin {plugin.entry.distribution}")
        return answer

    def _run(self, hook: str, plugin: HookPlugin, arguments: dict[str, Any]) -> tuple[Any, ...]:
        started = time.perf_counter()
        try:
            # A generator runs here, inside the caller's guard, and not in somebody's loop later.
            with plugin_code(f"hook {hook} of {plugin.entry.name!r} of {plugin.entry.origin}"):
                return tuple(item for answer in self._call(hook, plugin.entry, arguments) for item in answer)
        finally:
            if self._trace is not None:
                spent = (time.perf_counter() - started) * 1000
                self._trace(f"hook {hook} of {plugin.entry.origin} ({plugin.entry.name}): {spent:.2f} ms")


def _raised(entry: PluginEntry, hook: str, error: BaseException) -> PluginContract:
    return contract(entry, f"failed in {hook}: {described(error)}", f"--no-plugin {entry.distribution}")
