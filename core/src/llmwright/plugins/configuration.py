"""Validating a driver's open object with the driver's own model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from llmwright.errors import MOST_PROBLEMS, ConfigError, InvalidWorkspace, Problem, did_you_mean, first_problems
from llmwright.reading.yaml_paths import render_path

if TYPE_CHECKING:
    from pydantic import BaseModel

    from llmwright.plugins.drivers import Driver

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
        known = sorted(model.model_json_schema().get("properties", {}))
        items = enumerate(error.errors(include_url=False))
        problems = [_problem(item, known if number < MOST_PROBLEMS else []) for number, item in items]
        raise InvalidWorkspace(problems) from error


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


def settings_of(driver: type[Driver], name: str, plugins: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """``plugins.<name>`` of the settings as written, held against the driver's ``settings_model``.

    Raises:
        ConfigError: every problem, each with its path in the settings.
    """
    written = plugins.get(name, {})
    if driver.settings_model is None and written:
        raise ConfigError(
            f"plugins.{name}: {driver.__name__} has no settings",
            hint="what a Workspace may say is beside the driver's name in its YAML",
            reason="InvalidSettings",
        )
    try:
        validate_options(driver.settings_model, written)
    except InvalidWorkspace as error:
        lines = (
            str(Problem(f"plugins.{name}.{problem.path}", problem.message, problem.hint))
            for problem in first_problems(error.problems)
        )
        raise ConfigError("\n".join(lines), reason="InvalidSettings") from error
    return written


def _problem(item: Any, known: list[str]) -> Problem:
    path = render_path(item["loc"])
    if item["type"] != "extra_forbidden":
        return Problem(path, item["msg"])
    return Problem(path, "unknown option", did_you_mean(str(item["loc"][-1]), known) if known else "")
