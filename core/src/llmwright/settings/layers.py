"""Layers of settings (file, environment, flags), and their merge."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from llmwright.api.document import Document, load_documents
from llmwright.api.field_errors import field_problems
from llmwright.errors import ConfigError, InvalidWorkspace, Problem, first_problems
from llmwright.reading.files import Unreadable, read_text
from llmwright.reading.yaml_paths import split_path
from llmwright.settings.locations import PREFIX, settings_file
from llmwright.settings.model import PATH_FIELDS, Settings


@dataclass(frozen=True, slots=True)
class Layer:
    """The settings of one place as plain data. ``name`` names a path of it for a message."""

    data: Mapping[str, Any]
    name: Callable[[str], str]

    def holds(self, path: Sequence[str | int]) -> bool:
        """Whether the layer has a value at that path."""
        value: Any = self.data
        try:
            for part in path:
                value = value[part]
        except (LookupError, TypeError):
            return False
        return True


def load_settings(
    flags: Mapping[str, Any], environ: Mapping[str, str] | None, cwd: Path, file: Path | None
) -> Settings:
    """As ``llmwright.settings.load``."""
    variables = os.environ if environ is None else environ
    path = file or settings_file(variables, cwd)
    layers = [_file_layer(path)] if path else []
    layers += [_environment_layer(variables), _flag_layer(flags)]
    merged: dict[str, Any] = {}
    for layer in layers:
        _lay_over(merged, layer.data)
    try:
        return Settings.model_validate(merged)
    except ValidationError as error:
        lines = [_line(problem, layers) for problem in first_problems(field_problems(error, Settings))]
        raise ConfigError("\n".join(lines), reason="InvalidSettings") from None


def _line(problem: Problem, layers: Sequence[Layer]) -> str:
    parts = split_path(problem.path)
    origin = next((layer for layer in reversed(layers) if layer.holds(parts)), None)
    where = f"{origin.name(problem.path)}: " if origin else ""
    hint = f" ({problem.hint})" if problem.hint else ""
    return f"{where}{problem.path}: {problem.message}{hint}"


def _file_layer(path: Path) -> Layer:
    try:
        text = read_text(path)
    except FileNotFoundError:
        raise ConfigError(f"the settings file {path} is not there") from None
    except Unreadable as error:
        raise ConfigError(f"the settings file {path} {error}") from None
    try:
        documents = load_documents(text, str(path))
    except InvalidWorkspace as error:
        raise ConfigError(error.message, reason="InvalidSettings") from None
    document = documents[0] if documents else Document({}, source=str(path))
    if len(documents) > 1 or not isinstance(document.data, Mapping):
        raise ConfigError(f"{path}: settings are one mapping", reason="InvalidSettings")
    data = {key: value for key, value in document.data.items() if value is not None}
    return Layer(_rooted(data, path.absolute().parent), lambda where: _file_position(document, where))


def _file_position(document: Document, where: str) -> str:
    position = document.position(where)
    return f"{document.source}:{position.line}" if position else document.source


def _rooted(data: dict[str, Any], directory: Path) -> dict[str, Any]:
    """Return ``data`` with relative paths joined to ``directory``."""
    for name in PATH_FIELDS:
        value = data.get(name)
        if isinstance(value, str):
            data[name] = _absolute(value, directory)
        elif isinstance(value, list):
            data[name] = [_absolute(item, directory) if isinstance(item, str) else item for item in value]
    return data


def _absolute(path: str, directory: Path) -> str:
    return path if path.startswith("~") else str(directory / path)


def _environment_layer(environ: Mapping[str, str]) -> Layer:
    """Read the variables that name a setting. Other variables with the prefix are ignored."""
    data: dict[str, Any] = {}
    names: dict[str, str] = {}
    for variable, path, annotation in _variables(Settings):
        text = environ.get(variable)
        if text is None:
            continue
        names[".".join(path)] = variable
        _put(data, path, _environment_value(text, annotation))
    return Layer(data, lambda where: _variable_of(where, names))


def _variable_of(where: str, names: Mapping[str, str]) -> str:
    return next(
        (variable for path, variable in names.items() if where == path or where.startswith(path)), "environment"
    )


def _variables(model: type[BaseModel], above: tuple[str, ...] = ()) -> list[tuple[str, tuple[str, ...], Any]]:
    """Return every variable with its YAML path: ``LLMWRIGHT_LIMITS_NODES`` is ``limits.nodes``."""
    variables: list[tuple[str, tuple[str, ...], Any]] = []
    for field, info in model.model_fields.items():
        path = (*above, info.alias or field)
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            variables += _variables(info.annotation, path)
        variables.append((PREFIX + "_".join(_upper(part) for part in path), path, info.annotation))
    return variables


def _upper(alias: str) -> str:
    return "".join(f"_{letter}" if letter.isupper() else letter.upper() for letter in alias)


def _environment_value(text: str, annotation: Any) -> Any:
    """Read a variable: a list may have commas, text stays text, anything else is YAML."""
    if _is_list(annotation) and not text.lstrip().startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    if annotation in (str, str | None, Path | None):
        return text
    try:
        documents = load_documents(text, "environment")
    except InvalidWorkspace:
        return text
    return documents[0].data if documents else text


def _is_list(annotation: Any) -> bool:
    return any(get_origin(option) is tuple for option in (annotation, *get_args(annotation)))


def _flag_layer(flags: Mapping[str, Any]) -> Layer:
    data: dict[str, Any] = {}
    for path, value in flags.items():
        if value is not None:
            _put(data, tuple(str(part) for part in split_path(path)), value)
    return Layer(data, lambda _: "flag")


def _put(data: dict[str, Any], path: Sequence[str], value: Any) -> None:
    *parents, name = path
    for parent in parents:
        data = data.setdefault(parent, {})
    if isinstance(value, dict) and isinstance(data.get(name), dict):
        _lay_over(data[name], value)
    else:
        data[name] = value


def _lay_over(below: dict[str, Any], above: Mapping[str, Any]) -> None:
    """Merge ``above`` into ``below``: mappings key by key, everything else replaces."""
    for key, value in above.items():
        held = below.get(key)
        if isinstance(value, Mapping) and isinstance(held, dict):
            _lay_over(held, value)
        else:
            below[key] = dict(value) if isinstance(value, Mapping) else value
