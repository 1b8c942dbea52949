"""The drivers of one environment: by name, and by rank where no name is given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, cast

from llmwright.errors import PluginError, PluginNotFound
from llmwright.plugins.configuration import settings_of
from llmwright.plugins.drivers import AccessRule, Context, Driver, Provisioner, Runtime, Tuner
from llmwright.values.instance_type import InstanceType
from llmwright.values.plan import Target

if TYPE_CHECKING:
    from llmwright.plugins.registry import Registry
    from llmwright.settings.model import Settings

DriverKind = Literal["provisioner", "runtime", "tuner"]

KINDS: tuple[DriverKind, ...] = ("provisioner", "runtime", "tuner")


@dataclass(frozen=True, slots=True)
class Ranked:
    """A driver that may be chosen where none is named; the highest ``rank`` that can do the work wins."""

    name: str
    driver: type[Driver]
    rank: int


class DriverSet:
    """Looks up drivers. Each is imported when it is first asked for, and once.

    Args:
        names: the installed names of a kind.
        load: the class of that kind and name; raises PluginError.
        context: what an instance of a kind, a name and a class works with; raises ConfigError.
        distribution: the distribution that brings the driver of a kind and name; empty where nobody knows.
    """

    def __init__(
        self,
        names: Callable[[DriverKind], Iterable[str]],
        load: Callable[[DriverKind, str], type[Driver]],
        context: Callable[[DriverKind, str, type[Driver]], Context],
        distribution: Callable[[DriverKind, str], str] = lambda *_: "",
    ) -> None:
        self.distribution = distribution
        self._names, self._load, self._context = names, load, context
        self._offered: dict[str, tuple[InstanceType, ...]] = {}
        self._loaded: dict[tuple[DriverKind, str], type[Driver] | PluginError] = {}

    @classmethod
    def of_registry(cls, registry: Registry, settings: Settings | None = None) -> DriverSet:
        """The installed drivers, each with its own settings."""
        plugins = settings.plugins.by_kind if settings is not None else {}

        def context(kind: DriverKind, name: str, driver: type[Driver]) -> Context:
            own = registry.own_name(kind, name, driver)
            return Context(clock=lambda: datetime.now(UTC), settings=settings_of(kind, own, driver, plugins), name=name)

        return cls(
            registry.names, registry.driver, context, lambda kind, name: registry.lookup(kind, name).distribution
        )

    @classmethod
    def of_classes(
        cls,
        *,
        provisioners: Mapping[str, type[Provisioner]] | None = None,
        runtimes: Mapping[str, type[Runtime]] | None = None,
        tuners: Mapping[str, type[Tuner]] | None = None,
    ) -> DriverSet:
        """Exactly these drivers by name, without settings. For tests and for programs without entry points."""
        known: dict[DriverKind, Mapping[str, type[Driver]]] = {
            "provisioner": provisioners or {},
            "runtime": runtimes or {},
            "tuner": tuners or {},
        }

        def load(kind: DriverKind, name: str) -> type[Driver]:
            if name not in known[kind]:
                raise PluginNotFound(f"no {kind} {name!r} is installed; installed: {', '.join(sorted(known[kind]))}")
            return known[kind][name]

        return cls(lambda kind: sorted(known[kind]), load, lambda *_: Context(clock=lambda: datetime.now(UTC)))

    def names(self, kind: DriverKind) -> tuple[str, ...]:
        """The installed names of ``kind``, broken drivers and aliases included; imports nothing."""
        return tuple(self._names(kind))

    def get(self, kind: DriverKind, name: str) -> type[Driver]:
        """Return the class of that kind and name.

        Raises:
            PluginError: nothing answers to the name, two distributions do, or the driver is broken.
        """
        key = (kind, name)
        if key not in self._loaded:
            try:
                self._loaded[key] = self._load(kind, name)
            except PluginError as error:
                self._loaded[key] = error
        driver = self._loaded[key]
        if isinstance(driver, PluginError):
            raise driver
        return driver

    def find(self, kind: DriverKind, name: str | None) -> type[Driver] | None:
        """As ``get``, with None for a driver that is missing or broken, and for no name."""
        try:
            return self.get(kind, name) if name else None
        except PluginError:
            return None

    def find_provisioner(self, name: str | None) -> type[Provisioner] | None:
        """As ``find``."""
        return cast("type[Provisioner] | None", self.find("provisioner", name))

    def find_runtime(self, name: str | None) -> type[Runtime] | None:
        """As ``find``."""
        return cast("type[Runtime] | None", self.find("runtime", name))

    def find_tuner(self, name: str | None) -> type[Tuner] | None:
        """As ``find``."""
        return cast("type[Tuner] | None", self.find("tuner", name))

    def provisioner(self, name: str) -> Provisioner:
        """Return an instance with its settings and without a cluster; raises as ``runtime``."""
        return cast("Provisioner", self._instance("provisioner", name))

    def runtime(self, name: str) -> Runtime:
        """Return an instance with its settings; raises as ``get``, and ConfigError for settings it does not take."""
        return cast("Runtime", self._instance("runtime", name))

    def tuner(self, name: str) -> Tuner:
        """Return an instance with its settings; raises as ``runtime``."""
        return cast("Tuner", self._instance("tuner", name))

    def instance_types(self, provisioner: str) -> tuple[InstanceType, ...]:
        """Return the machines that only this provisioner offers on clusters; raises as ``provisioner``."""
        driver = self.get("provisioner", provisioner)
        own = cast("type[Provisioner]", driver).instance_types is not Provisioner.instance_types
        if "kubernetes" not in driver.targets or not own:
            return ()
        if provisioner not in self._offered:
            self._offered[provisioner] = tuple(self.provisioner(provisioner).instance_types())
        return self._offered[provisioner]

    def usable(self, kind: DriverKind) -> Iterator[tuple[str, type[Driver]]]:
        """Each driver of ``kind`` that loads, under its own name and not under its aliases, in the order of names."""
        for name in self.names(kind):
            driver = self.find(kind, name)
            if driver is not None and name not in driver.aliases:
                yield name, driver

    def named(self, kind: DriverKind, holds: Callable[[Any], bool]) -> tuple[str, ...]:
        """Names of the drivers of ``kind`` for whose class ``holds`` is true: what a hint may offer."""
        return tuple(name for name, driver in self.usable(kind) if holds(driver))

    def ranked(self, kind: DriverKind, target: Target) -> tuple[Ranked, ...]:
        """The drivers that may be chosen on ``target`` where none is named: highest rank first, then by name."""
        candidates = [
            Ranked(name, driver, driver.default_rank[target])
            for name, driver in self.usable(kind)
            if target in driver.targets and target in driver.default_rank
        ]
        return tuple(sorted(candidates, key=lambda candidate: (-candidate.rank, candidate.name)))

    def access_rules(self, provisioners: Iterable[str] | None = None) -> tuple[AccessRule, ...]:
        """Return the rights that the installed drivers of clusters need, each once.

        Args:
            provisioners: those that count, by name; all that load where None.

        Raises:
            PluginError: one of ``provisioners`` is not installed, or is broken.
        """
        chosen = None if provisioners is None else [self.get("provisioner", name) for name in provisioners]
        drivers = [
            driver
            for kind in KINDS
            for _, driver in self.usable(kind)
            if "kubernetes" in driver.targets and (kind != "provisioner" or chosen is None or driver in chosen)
        ]
        return tuple(dict.fromkeys(rule for driver in drivers for rule in driver.access_rules))

    def _instance(self, kind: DriverKind, name: str) -> Driver:
        driver = self.get(kind, name)
        return driver(self._context(kind, name, driver))
