"""Validating a driver's open object with the driver's own model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from llmwright.errors import (
    MOST_PROBLEMS,
    ConfigError,
    InvalidWorkspace,
    Problem,
    did_you_mean,
    first_problems,
    meant,
    nearest,
)
from llmwright.reading.yaml_paths import render_path

if TYPE_CHECKING:
    from pydantic import BaseModel

    from llmwright.plugins.discovery import Kind, PluginEntry
    from llmwright.plugins.drivers import Driver

PluginSettings = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""The settings of plugins as written, by kind and by name."""

LARGEST = 2**53
"""The numbers below it are exact in a float too."""


def validate_options(model: type[BaseModel] | None, options: Mapping[str, Any]) -> Any:
    """``options`` as an instance of ``model``; ``{}`` for no model and no options.

    Raises:
        InvalidWorkspace: every problem, with paths relative to ``options``.
    """
    if model is None:
        if options:
            raise InvalidWorkspace([Problem(render_path((key,)), "this driver takes no options") for key in options])
        return {}
    from pydantic import ValidationError

    try:
        config = model.model_validate(dict(options))
        _check_sizes(config)
        return config
    except ValidationError as error:
        known = option_names(model)
        items = enumerate(error.errors(include_url=False))
        problems = [_problem(item, known if number < MOST_PROBLEMS else []) for number, item in items]
        raise InvalidWorkspace(problems) from error


def option_names(model: type[BaseModel] | None) -> list[str]:
    """Return the names that a driver's options may have, none for a driver without any."""
    return sorted(model.model_json_schema().get("properties", {})) if model is not None else []


def _check_sizes(config: BaseModel) -> None:
    """Refuse a number that no computation holds, also one that was written as a text."""
    fields = type(config).model_fields
    wrong = [
        Problem(render_path((fields[name].alias or name,)), "is too large a number")
        for name, value in config
        if isinstance(value, int | float) and not abs(value) <= LARGEST
    ]
    if wrong:
        raise InvalidWorkspace(wrong)


def settings_of(kind: Kind, name: str, driver: type[Driver], plugins: PluginSettings) -> Mapping[str, Any]:
    """Return ``plugins.<kind>.<name>`` of the settings as written, held against the driver's ``settings_model``.

    Raises:
        ConfigError: every problem, each with its path in the settings.
    """
    written = plugins.get(kind, {}).get(name, {})
    validate_settings(f"plugins.{kind}.{name}", driver, written)
    return written


def validate_settings(path: str, plugin: Any, written: Mapping[str, Any]) -> Any:
    """Return the settings at ``path`` as an instance of the plugin's ``settings_model``; ``{}`` without a model.

    Raises:
        ConfigError: every problem, each with its path in the settings.
    """
    model = getattr(plugin, "settings_model", None)
    if model is None and written:
        raise ConfigError(
            f"{path}: {getattr(plugin, '__name__', type(plugin).__name__)} has no settings",
            hint="what a Workspace may say is beside the driver's name in its YAML",
            reason="InvalidSettings",
        )
    try:
        return validate_options(model, written)
    except InvalidWorkspace as error:
        lines = (
            str(Problem(f"{path}.{problem.path}" if problem.path else path, problem.message, problem.hint))
            for problem in first_problems(error.problems)
        )
        raise ConfigError("\n".join(lines), reason="InvalidSettings") from error


def settings_key(entry: PluginEntry, rows: Iterable[PluginEntry]) -> str:
    """Return the name under which the settings of ``entry`` stand: its own, of a hook whose name others have too its
    distribution's.
    """
    same = {row.distribution for row in rows if (row.kind, row.name, row.state) == ("hook", entry.name, "found")}
    return entry.distribution if entry.kind == "hook" and len(same) > 1 else entry.name


def not_installed(plugins: PluginSettings, rows: Iterable[PluginEntry]) -> list[tuple[str, str]]:
    """Return kind and name of each plugin that has settings and is not installed, in whatever state."""
    installed = [*rows]
    return [
        (kind, name)
        for kind, by_name in plugins.items()
        for name in by_name
        if not any(row.kind == kind and name == settings_key(row, installed) for row in installed)
    ]


def check_names(plugins: PluginSettings, rows: Iterable[PluginEntry]) -> None:
    """Refuse settings of plugins that are not installed. One that is blocked or broken has its settings in peace.

    Raises:
        ConfigError: each name that no plugin of its kind has, with one that may be meant.
    """
    installed = [*rows]
    lines = [
        str(Problem(f"plugins.{kind}.{name}", f"no {kind} of that name is installed", _meant(kind, name, installed)))
        for kind, name in not_installed(plugins, installed)
    ]
    if lines:
        raise ConfigError("\n".join(lines), reason="InvalidSettings")


def _meant(kind: str, name: str, rows: list[PluginEntry]) -> str:
    near = nearest(name, [row.name for row in rows if row.kind == kind])
    elsewhere = dict.fromkeys(f"plugins.{row.kind}.{settings_key(row, rows)}" for row in rows if row.name == name)
    if elsewhere or near is not None:
        return meant(*elsewhere) if elsewhere else meant(str(near))
    return "`llmwright plugins list` lists all"


def _problem(item: Any, known: list[str]) -> Problem:
    path = render_path(item["loc"])
    if item["type"] != "extra_forbidden":
        return Problem(path, item["msg"].removeprefix("Value error, "))
    return Problem(path, "unknown option", did_you_mean(str(item["loc"][-1]), known) if known else "")
