"""The site's contents: each page of ``docs/`` is found from its menu, and each interface is in the reference."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import yaml
from tests.meta.test_interfaces import NAMES, methods

from llmwright.plugins import drivers, hookspecs
from llmwright.plugins.registry import HOOKS
from llmwright.settings import model


def test_each_page_is_in_the_menu(root: Path) -> None:
    text = (root / "mkdocs.yml").read_text()
    assert yaml.safe_load(text)["site_name"] == "LLMwright"
    pages = [*root.glob("*.md"), *(root / "docs").rglob("*.md")]
    lost = [page.relative_to(root).as_posix() for page in pages if f" {page.relative_to(root)}\n" not in text]
    assert lost == [], "add each to `nav` in mkdocs.yml"


def test_each_interface_is_in_the_reference(root: Path) -> None:
    """A module that plugins may import is on a page; ``hookimpl`` is told in the text of the page on hooks."""
    text = "\n".join(file.read_text() for file in (root / "docs/reference").glob("*.md"))
    assert [module for module in sorted(NAMES.keys() - {"llmwright.plugins"}) if f"::: {module}\n" not in text] == []


def test_each_value_that_a_plugin_is_handed_is_in_the_reference(root: Path) -> None:
    """The classes that hooks and driver methods name: an author looks up their fields there."""
    text = "\n".join(file.read_text() for file in (root / "docs/reference").glob("*.md"))
    values = {value.__module__ for function in interface_functions() for value in named_classes(function)}
    assert {"llmwright.values.plan", "llmwright.api.workspace"} <= values
    assert {module for module in values if f"::: {module}\n" not in text} == set()


def interface_functions() -> list[Any]:
    """Return all hooks, and all methods that a driver's class itself defines."""
    hooks = [getattr(hookspecs, name) for name in HOOKS]
    return [*hooks, *(vars(driver)[name] for driver, name in methods())]


def named_classes(function: Any) -> set[type]:
    """Return the classes of this project that the annotations of ``function`` name."""
    scope = {**vars(hookspecs), **vars(drivers)}
    for module in ("api.workspace", "api.status", "values.plan", "values.preset", "errors"):
        scope |= vars(importlib.import_module(f"llmwright.{module}"))
    words = {word for text in function.__annotations__.values() for word in re.findall(r"\w+", str(text))}
    classes = (scope.get(word) for word in words)
    return {each for each in classes if isinstance(each, type) and each.__module__.startswith("llmwright.")}


def test_each_setting_is_told(root: Path) -> None:
    assert "::: llmwright.settings.model\n" in (root / "docs/reference/settings.md").read_text()
    parts = [part for part in vars(model).values() if isinstance(part, type) and issubclass(part, model.SettingsModel)]
    silent = [
        f"{part.__name__}.{name}"
        for part in parts
        for name, info in part.model_fields.items()
        if not info.description and f"``{name}``" not in str(part.__doc__)
    ]
    assert len(parts) > 5
    assert silent == []
    told = {part: set(re.findall(r"``([a-z]+(?:_[a-z]+)+)``", str(part.__doc__))) for part in parts}
    assert {f"{part.__name__}.{name}" for part in parts for name in told[part] - {*part.model_fields}} == set()


def test_each_setting_that_a_page_names_is_there(root: Path) -> None:
    """Of the chart's values, which its own page has, some are called as settings are."""
    groups = {
        name: info.annotation
        for name, info in model.Settings.model_fields.items()
        if isinstance(info.annotation, type) and issubclass(info.annotation, model.SettingsModel)
    }
    named = re.compile(rf"`({'|'.join(groups)})\.(\w+)")
    pages = [page for page in (root / "docs").glob("*.md") if page.name != "chart.md"]
    found = {(page.name, *each) for page in pages for each in named.findall(page.read_text())}
    known = {group: {info.alias for info in part.model_fields.values()} for group, part in groups.items()}
    # ``KIND`` stands for one of the kinds of plugins; ``webhook.enabled`` is a value of the chart.
    known["plugins"] |= {"KIND"}
    known["webhook"] |= {"enabled"}
    lost = {each for each in found if each[2] not in known[each[1]]}
    assert {group for _, group, _ in found} >= {"sources", "endpoints", "orphans", "plugins"}
    assert lost == set()
