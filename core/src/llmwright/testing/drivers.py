"""Laws of every driver."""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
from typing import Any, ClassVar

import pytest

from llmwright.errors import ConfigError, InvalidWorkspace
from llmwright.plugins.configuration import validate_settings
from llmwright.plugins.discovery import Kind
from llmwright.plugins.drivers import Driver
from llmwright.plugins.interface import INTERFACES, breach
from llmwright.plugins.registry import Registry
from llmwright.testing.contract import Contract
from llmwright.testing.options import other_values, properties
from llmwright.testing.presets import make_fit, make_preset
from llmwright.testing.purity import twice_alike
from llmwright.values.fit import Fit
from llmwright.values.preset import Preset

HEAVY = (
    "accelerate", "azure", "bitsandbytes", "datasets", "fastapi", "kubernetes", "numpy", "pandas", "peft", "pyarrow",
    "ray", "tensorflow", "tokenizers", "torch", "transformers", "trl", "uvicorn", "vllm",
)  # fmt: skip
"""Packages that the control half of a driver must not import."""

VERBS = frozenset({"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"})
NAME = re.compile(r"[a-z0-9.-]+(/[a-z]+)?")


class DriverContract(Contract):
    """Laws of provisioners, runtimes and tuners alike. The subclass gives the fixture ``driver``."""

    kind: ClassVar[Kind]

    @pytest.fixture
    def driver(self) -> Driver:
        """The driver under test, made with a Context; every subclass gives its own."""
        raise pytest.UsageError(f"{type(self).__name__} gives no fixture 'driver'")

    @pytest.fixture
    def preset(self) -> Preset:
        """A preset that the driver can work with."""
        return make_preset()

    @pytest.fixture
    def fit(self) -> Fit:
        """A Fit that the driver can work with."""
        return make_fit()

    @pytest.fixture
    def options(self) -> dict[str, Any]:
        """The open object of the YAML; by default nothing is configured."""
        return {}

    @pytest.fixture
    def config(self, driver: Driver, options: dict[str, Any]) -> Any:
        """The configuration that ``configure`` makes of ``options``."""
        return driver.configure(options, {})

    def test_keeps_the_interface(self, driver: Driver) -> None:
        """The class derives from its kind's base class and declares where it can be used."""
        fault = breach(self.kind, type(driver))
        assert fault is None, f"{type(driver).__qualname__} {fault}"

    def test_methods_take_what_the_interface_gives(self, driver: Driver) -> None:
        """A method that is overridden can be called with the base class's arguments, by position."""
        base = INTERFACES[self.kind]
        for name, method in inspect.getmembers(base, inspect.isfunction):
            if name.startswith("__") or getattr(type(driver), name) is method:
                continue
            arguments = [None for _ in list(inspect.signature(method).parameters)[1:]]
            try:
                inspect.signature(getattr(driver, name)).bind(*arguments)
            except TypeError as error:
                raise AssertionError(f"{name}{inspect.signature(method)}: {error}") from error

    def test_its_ranks_are_for_targets_that_it_serves(self, driver: Driver) -> None:
        """A rank lets the driver be chosen where none is named: a whole number for a target that it serves."""
        unserved = sorted(set(driver.default_rank) - set(driver.targets))
        assert not unserved, f"a rank for {', '.join(unserved)}, which it does not serve"
        assert all(type(rank) is int for rank in driver.default_rank.values())

    def test_its_access_rules_are_well_formed(self, driver: Driver) -> None:
        """Rules name resources and verbs of RBAC, nothing by ``*``, and only drivers that serve a cluster have rules.

        A rule on Secrets is refused: the operator never reads them.
        """
        assert not driver.access_rules or "kubernetes" in driver.targets
        for rule in driver.access_rules:
            assert rule.resources, f"{rule} names no resource"
            assert rule.verbs, f"{rule} names no verb"
            assert set(rule.verbs) <= VERBS, f"{rule}: no verb of RBAC"
            assert all(NAME.fullmatch(part) for part in rule.resources), f"{rule}: resources are plural and lower case"
            assert rule.group == "" or "." in rule.group, f"{rule}: {rule.group} is no API group"
            assert not (rule.group == "" and "secrets" in rule.resources), f"{rule} lets the operator read Secrets"

    def test_its_aliases_are_its_entry_points(self, driver: Driver) -> None:
        """Each alias is an entry point of this class, and one entry point is no alias: the driver's own name."""
        target = f"{type(driver).__module__}:{type(driver).__qualname__}"
        names = {row.name for row in Registry().entries() if row.kind == self.kind and row.target == target}
        assert driver.aliases <= names, f"no entry point: {', '.join(sorted(driver.aliases - names))}"
        assert not names or names - driver.aliases, "every entry point is an alias, so it is never chosen by default"

    def test_its_image_roles_are_texts(self, driver: Driver) -> None:
        """The roles of images are a set of texts, or are not told at all."""
        roles = driver.image_roles
        assert roles is None or (isinstance(roles, frozenset) and all(isinstance(role, str) for role in roles))

    def test_its_lowest_capabilities_are_pairs(self, driver: Driver) -> None:
        """A compute capability is a pair of whole numbers, 7.5 is ``(7, 5)``."""
        for declared in (driver.built_for, getattr(driver, "lowest_capability", None)):
            assert declared is None or (len(declared) == 2 and all(type(part) is int for part in declared))

    def test_its_entry_point_loads(self, driver: Driver) -> None:
        """An installed distribution names this very class in its entry points, and the registry loads it."""
        target = f"{type(driver).__module__}:{type(driver).__qualname__}"
        registry = Registry()
        names = [row.name for row in registry.entries() if row.kind == self.kind and row.target == target]
        assert names, f"no entry point in llmwright.{self.kind}s names {target}"
        for name in names:
            assert issubclass(registry.driver(self.kind, name), type(driver))

    def test_its_module_imports_nothing_heavy(self, driver: Driver) -> None:
        """Importing the control half loads no model library, no engine and no cloud's client."""
        code = f"import json, sys, {type(driver).__module__}; print(json.dumps(sorted(sys.modules)))"
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environ)
        assert child.returncode == 0, child.stderr
        loaded = {name.split(".")[0] for name in json.loads(child.stdout)}
        assert not loaded & set(HEAVY), f"imported at module level: {sorted(loaded & set(HEAVY))}"

    def test_unknown_options_are_refused(self, driver: Driver) -> None:
        """A key that the driver does not know is a problem that names the key, never passed over."""
        with pytest.raises(InvalidWorkspace) as refused:
            driver.configure({"noSuchOption": 1}, {})
        paths = [problem.path for problem in refused.value.problems]
        assert any("noSuchOption" in path for path in paths), f"configure names {paths}, not the unknown option"

    def test_unknown_settings_are_refused(self, driver: Driver) -> None:
        """A misspelt key under ``plugins`` of the settings is a mistake that is named, never passed over."""
        with pytest.raises(ConfigError):
            validate_settings(f"plugins.{self.kind}.acme", type(driver), {"noSuchSetting": 1})

    def test_every_option_is_described(self, driver: Driver) -> None:
        """Each option and each setting has a description: ``llmwright plugins show`` prints it."""
        for model in (driver.config_model, driver.settings_model):
            silent = [name for name, about in properties(model).items() if not about.get("description")]
            assert not silent, f"no description: {', '.join(silent)}; write Field(description=…)"

    def effects(self, driver: Driver, options: dict[str, Any], asking: Any) -> str:
        """Return as text what the driver makes of ``options``; each kind of driver has its own."""
        return ""

    @pytest.fixture
    def idle_options(self) -> frozenset[str]:
        """Options whose effect these calls cannot show; none by default."""
        return frozenset()

    @pytest.fixture
    def asking(self, preset: Preset, fit: Fit) -> Any:
        """The arguments with which ``effects`` asks."""
        return preset, fit

    def test_every_option_has_an_effect(
        self, driver: Driver, options: dict[str, Any], asking: Any, idle_options: frozenset[str]
    ) -> None:
        """Another value of an option changes what is run: one that is dropped is a promise that is not kept."""
        plain = self.effects(driver, options, asking)
        idle = []
        for name, about in properties(driver.config_model).items():
            values = other_values({**about, "default": options.get(name, about.get("default"))})
            outcomes = [self._effects_of(driver, {**options, name: value}, asking) for value in values]
            judged = [outcome for outcome in outcomes if outcome is not None]
            if judged and all(outcome == plain for outcome in judged) and name not in idle_options:
                idle.append(name)
        assert not idle, f"no effect: {', '.join(idle)}; pass them on, or name them in the fixture 'idle_options'"

    def _effects_of(self, driver: Driver, options: dict[str, Any], asking: Any) -> str | None:
        """Return the effects of ``options``, None where the driver refuses them."""
        try:
            return self.effects(driver, options, asking)
        except InvalidWorkspace:
            return None

    def test_configure_is_pure(self, driver: Driver, options: dict[str, Any]) -> None:
        """The same options and files give the same configuration; neither is changed."""
        twice_alike(driver.configure, options, {})
