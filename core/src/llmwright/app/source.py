"""The Workspace and the settings that a caller of the Python API passes, in each form that the API takes.

``SOURCE`` is the Workspace to work with, in any of these forms:

* a path to a YAML file with one Workspace (``str`` or ``pathlib.Path``),
* its YAML as text,
* its data as a mapping,
* a ``Workspace``,
* the name of a preset (``demo``) or of a model on the hub (``ORG/MODEL``): a Workspace that serves it,
* the directory of a model (``./my-model``), as ``save_pretrained`` writes it: a Workspace that serves it.

``SETTINGS`` is a ``Settings``, the path of a settings file, or a mapping of settings by their YAML names
(``{"stateDirectory": "/data/llmwright"}``), which win over environment and file. None takes the settings of the
environment, as the command line does.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmwright.app import documents
from llmwright.app.session import Session

if TYPE_CHECKING:
    from llmwright.api.workspace import Workspace
    from llmwright.app.documents import LoadedWorkspace
    from llmwright.settings import Settings

    Source = str | os.PathLike[str] | Mapping[str, Any] | Workspace
    SettingsSource = Settings | str | os.PathLike[str] | Mapping[str, Any] | None
    PathSource = str | os.PathLike[str] | None


def load(source: Source) -> LoadedWorkspace:
    """The one Workspace that ``source`` means, in any of the forms above.

    Raises:
        ConfigError: a file is not there or cannot be read, or holds none or several Workspaces.
        InvalidWorkspace: bad YAML, or a field that is unknown, missing or of another type.
    """
    from llmwright.api.workspace import Workspace

    if isinstance(source, Workspace):
        return documents.from_workspace(source)
    if isinstance(source, Mapping):
        return documents.from_data(source)
    if not isinstance(source, str):
        return documents.read_workspace(Path(source))
    if "\n" in source:
        return documents.parse_text(source)
    return documents.read_workspace(source) if documents.names_a_file(source) else documents.from_preset(source)


def session_of(settings: SettingsSource) -> Session:
    """Return a new session with these settings; None takes those of the environment, as the command line does."""
    if settings is None:
        return Session()
    if isinstance(settings, Mapping):
        return Session(overrides=settings)
    if isinstance(settings, str | os.PathLike):
        return Session(settings_file=os.fspath(settings))
    return Session(given_settings=settings)


def path_text(path: PathSource) -> str | None:
    """Return a path as text; None stays None."""
    return os.fspath(path) if path is not None else None
