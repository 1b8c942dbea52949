"""The one registry: stevedore loads what the user named, pluggy calls what anyone may answer.

Nothing else imports the two libraries. A ``Registry`` is handed down as an argument; constructing one reads nothing,
``found`` imports no plugin, and a driver is imported when its name is asked for.
"""

from __future__ import annotations

import inspect
import os
import sys
import time
import types
from collections.abc import Callable, Iterable
from functools import partial
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any, cast

import pluggy
from stevedore.driver import DriverManager

from llmwright.errors import PluginError, did_you_mean
from llmwright.plugins import failures, hookspecs
from llmwright.plugins.configuration import PluginSettings, settings_key
from llmwright.plugins.datapack import DATA_KINDS, DataPack
from llmwright.plugins.discovery import INTERFACE, Kind, PluginEntry, discover
from llmwright.plugins.driver_calls import must_pass, plugin_code
from llmwright.plugins.hook_marker import HookMarker
from llmwright.plugins.hook_object import hook_object
from llmwright.plugins.hooks import HookPlugin, Hooks
from llmwright.plugins.required import missing

if TYPE_CHECKING:
    from llmwright.plugins.drivers import Driver, Provisioner, Runtime, Tuner
    from llmwright.plugins.load_check import LoadCheck

PROJECT = "llmwright"
TRACE_VARIABLE = "LLMWRIGHT_TRACE_PLUGINS"

HOOKS = frozenset(
    name
    for name, value in vars(hookspecs).items()
    if inspect.isfunction(value) and value.__module__ == hookspecs.__name__ and not name.startswith("_")
)
"""The names of all hooks."""

hookimpl = HookMarker(pluggy.HookimplMarker(PROJECT))
"""Marks a function of a plugin as the answer to a hook."""


def one_line_on_stderr(text: str) -> None:
    """``text`` as one line, where a user sees it and a pipe does not."""
    print("llmwright:", " ".join(text.split()), file=sys.stderr)


class Registry:
    """The plugins of this environment.

    Args:
        blocked: names not to use: a plugin's (``hf``), one of a kind (``runtime:hf``) or a distribution's.
        trace: tell each load and each hook call with its time; None asks ``LLMWRIGHT_TRACE_PLUGINS``.
        log: takes one line about a broken plugin; stderr by default.
        allowed: the only distributions to use beside the core's own; None for any.
        interface: the version of the interfaces that the core speaks.
        required: hooks, or distributions of hooks, without which nothing is accepted that hooks judge.
        settings: the settings of plugins by kind and name; hooks are made with theirs.
    """

    def __init__(
        self,
        blocked: Iterable[str] = (),
        trace: bool | None = None,
        log: Callable[[str], None] = one_line_on_stderr,
        allowed: Iterable[str] | None = None,
        interface: int = INTERFACE,
        required: Iterable[str] = (),
        settings: PluginSettings | None = None,
    ) -> None:
        self._required, self._settings = tuple(required), settings or {}
        self._discover = partial(discover, frozenset(blocked), allowed=allowed, interface=interface)
        self._trace = os.environ.get(TRACE_VARIABLE, "") not in {"", "0"} if trace is None else trace
        self._log = log
        self._entries: tuple[PluginEntry, ...] | None = None
        self._hooks: Hooks | None = None

    def entries(self) -> tuple[PluginEntry, ...]:
        """Return all installed plugins in any state; imports none."""
        if self._entries is None:
            self._entries = self._discover()
        return self._entries

    def names(self, kind: Kind) -> tuple[str, ...]:
        """Names of ``kind`` that can be asked for, sorted."""
        return tuple(sorted({row.name for row in self.entries() if row.kind == kind and row.state == "found"}))

    def lookup(self, kind: Kind, name: str) -> PluginEntry:
        """The one plugin that answers to ``name``, without importing it.

        Raises:
            PluginNotFound: none does, or it is blocked.
            PluginConflict: two distributions claim the name.
            PluginContract: it is of an interface version that is not read.
        """
        claims = [row for row in self.entries() if row.kind == kind and row.name == name]
        duplicates = [row for row in claims if row.state == "duplicate"]
        if duplicates:
            raise failures.conflict(duplicates)
        usable = next((row for row in claims if row.state == "found"), None)
        if usable is None:
            raise failures.not_found(kind, name, self.entries())
        return usable

    def provisioner(self, name: str) -> type[Provisioner]:
        """The provisioner of that name; raises as ``driver``."""
        return cast("type[Provisioner]", self.driver("provisioner", name))

    def runtime(self, name: str) -> type[Runtime]:
        """The runtime of that name; raises as ``driver``."""
        return cast("type[Runtime]", self.driver("runtime", name))

    def tuner(self, name: str) -> type[Tuner]:
        """The tuner of that name; raises as ``driver``."""
        return cast("type[Tuner]", self.driver("tuner", name))

    def driver(self, kind: Kind, name: str) -> type[Driver]:
        """The driver class of that kind and name, imported now.

        Raises:
            PluginNotFound: nothing answers to the name, or it is blocked.
            PluginConflict: two distributions claim it.
            PluginLoadFailed: its import failed; the message carries the import's own error.
            PluginContract: it is no class of that kind, lacks methods or attributes, or is of another interface.
        """
        from llmwright.plugins.guarded import guarded
        from llmwright.plugins.interface import INTERFACES, breach

        entry = self.lookup(kind, name)
        loaded = self._load(entry)
        fault = breach(kind, loaded)
        if fault is not None:
            raise failures.contract(entry, fault)
        return guarded(entry, loaded, INTERFACES[kind])

    def own_name(self, kind: Kind, name: str, driver: type[Driver]) -> str:
        """Return the name of which ``name`` is an alias by the class's own word; else ``name``."""
        rows = [row for row in self.entries() if row.kind == kind]
        targets = {row.target for row in rows if row.name == name and row.name in driver.aliases}
        return next((row.name for row in rows if row.target in targets and row.name not in driver.aliases), name)

    def require_workload(self, kind: Kind, name: str) -> None:
        """Whether this environment has what the driver's workload half needs, for a target that runs it right here.

        Raises:
            PluginLoadFailed: reason ``WorkloadExtraMissing``, with the pip line; and as ``lookup``.
        """
        missing = failures.missing_workload(self.lookup(kind, name))
        if missing is not None:
            raise missing

    def hooks(self) -> Hooks:
        """Return all hook plugins, imported now. A broken plugin costs one line of log.

        Raises:
            ConfigError: settings that a hook does not take.
        """
        if self._hooks is None:
            self._hooks = self._gather(row for row in self.entries() if row.kind == "hook" and row.state == "found")
        return self._hooks

    def hook(self, entry: PluginEntry) -> tuple[Any, frozenset[str]]:
        """Return the object behind one hook plugin, loaded now, and the names of the hooks that it answers.

        Raises:
            PluginError: it cannot be loaded, or answers no hook.
            ConfigError: settings that it does not take.
        """
        manager = _new_manager()
        answers = self._register(manager, entry)
        return manager.get_plugin(_registered_name(entry)), answers

    def check_loads(self) -> tuple[LoadCheck, ...]:
        """Load each plugin in a process of its own, and return the errors."""
        from llmwright.plugins.load_check import check_loads

        return check_loads(self.entries(), settings=self._settings)

    def check(self, entry: PluginEntry) -> None:
        """Loads one plugin into this process and holds it against its interface.

        Raises:
            PluginError: as ``driver``, and for a hook plugin what ``Hooks.broken`` would hold.
        """
        if entry.kind != "hook":
            self.driver(entry.kind, entry.name)
            return
        self._register(_new_manager(), entry)

    def _load(self, entry: PluginEntry) -> Any:
        started = time.perf_counter()
        try:
            with plugin_code(f"the import of {entry.kind} {entry.name!r} of {entry.origin}"):
                loaded = _OneEntry(entry.entry_point).extensions[0].plugin
        except BaseException as error:  # the plugin's import may raise anything; SystemExit would end us
            if must_pass(error):
                raise
            raise self._explained(entry, error) from error
        if self._trace:
            self._log(
                f"load {entry.kind} {entry.name} of {entry.origin}: {(time.perf_counter() - started) * 1e3:.2f} ms"
            )
        return loaded

    def _explained(self, entry: PluginEntry, error: BaseException) -> PluginError:
        module, _, attribute = entry.target.partition(":")
        if isinstance(error, AttributeError) and module.strip() in sys.modules:
            return failures.contract(entry, f"names {attribute.strip()!r}, which its module does not have")
        return failures.load_failed(entry, error)

    def _gather(self, rows: Iterable[PluginEntry]) -> Hooks:
        manager = _new_manager()
        plugins: list[HookPlugin] = []
        broken: dict[PluginEntry, PluginError] = {}
        for entry in rows:
            try:
                answers = self._register(manager, entry)
            except PluginError as error:
                broken[entry] = error
                self._log(str(error))
                continue
            plugins.append(HookPlugin(entry, answers))

        def call(hook: str, entry: PluginEntry, arguments: dict[str, Any]) -> list[Any]:
            others = {plugin for name, plugin in manager.list_name_plugin() if name != _registered_name(entry)}
            return cast("list[Any]", manager.subset_hook_caller(hook, others)(**arguments))

        absent = (*missing(self._required, self.entries(), broken),)
        return Hooks(plugins, (*broken.values(),), call, self._log, self._log if self._trace else None, absent)

    def _register(self, manager: pluggy.PluginManager, entry: PluginEntry) -> frozenset[str]:
        """Registers one hook plugin and returns the hooks it answers; on an error it is not registered."""
        plugin = self._hook_plugin(manager, entry)
        name = _registered_name(entry)
        try:
            manager.register(plugin, name)
            manager.check_pending()
        except (pluggy.PluginValidationError, ValueError) as error:
            fault, hint = _misspelt(manager, plugin) or (str(error), "")
            if manager.has_plugin(name):
                manager.unregister(name=name)
            raise failures.contract(entry, fault, hint) from error
        return frozenset(caller.name for caller in manager.get_hookcallers(plugin) or ())

    def _hook_plugin(self, manager: pluggy.PluginManager, entry: PluginEntry) -> Any:
        key = settings_key(entry, self.entries())
        loaded = hook_object(self._load(entry), entry, key, self._settings.get("hook", {}).get(key, {}))
        if any(manager.parse_hookimpl_opts(loaded, name) is not None for name in dir(loaded)):
            return loaded
        if not (isinstance(loaded, types.ModuleType) and hasattr(loaded, "__path__")):
            raise failures.contract(entry, "defines no hook", "mark its functions with llmwright.plugins.hookimpl")
        pack = DataPack(loaded.__name__)
        for file, error in pack.unreadable:
            self._log(f"{entry.origin}: {file} is left out: {error}")
        for file, kind in pack.unknown():
            self._log(f"{entry.origin}: {file} is of kind {kind!r}, known are {', '.join(DATA_KINDS)}")
        if not pack.presets() and not pack.instance_types():
            raise failures.contract(
                entry,
                f"defines no hook and holds no YAML file of kind {' or '.join(DATA_KINDS)}",
                "mark its functions with llmwright.plugins.hookimpl, or add the files",
            )
        return pack


class _OneEntry(DriverManager[Any]):
    """stevedore's manager for one entry point that is known already, so that its cache on disk is not asked."""

    def __init__(self, entry_point: EntryPoint) -> None:
        self._entry_point = entry_point
        super().__init__(entry_point.group, entry_point.name, on_missing_entrypoints_callback=None)

    def list_entry_points(self) -> list[EntryPoint]:
        """Exactly the one."""
        return [self._entry_point]


class _Manager(pluggy.PluginManager):
    """pluggy's manager, which takes ``hookspecs``' own functions as specifications and a data pack's as answers."""

    def parse_hookspec_opts(self, module_or_class: Any, name: str) -> Any:
        """Every hook of ``hookspecs`` is a specification, without a mark."""
        return {} if name in HOOKS else None

    def parse_hookimpl_opts(self, plugin: Any, name: str) -> Any:
        """Marked functions, and the data hooks of a data pack."""
        if isinstance(plugin, DataPack):
            return {} if name in DATA_KINDS.values() else None
        return super().parse_hookimpl_opts(plugin, name)


def _new_manager() -> _Manager:
    manager = _Manager(PROJECT)
    manager.add_hookspecs(hookspecs)
    return manager


def _registered_name(entry: PluginEntry) -> str:
    return f"{entry.distribution}:{entry.name}"


def _misspelt(manager: pluggy.PluginManager, plugin: Any) -> tuple[str, str] | None:
    """Return the fault and a hint where ``plugin`` answers a hook that does not exist."""
    unknown = [caller.name for caller in manager.get_hookcallers(plugin) or () if not caller.has_spec()]
    if not unknown:
        return None
    return f"answers {', '.join(map(repr, unknown))}, which is no hook", did_you_mean(unknown[0], HOOKS)
