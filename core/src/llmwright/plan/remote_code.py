"""Whether Python code from the model's repository runs in what is planned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from llmwright.api.workspace import Workspace
from llmwright.errors import InvalidWorkspace
from llmwright.plan.refusal import below
from llmwright.plugins.driver_set import DriverSet
from llmwright.plugins.remote_code import option_problems, preset_problem
from llmwright.settings.model import Settings
from llmwright.values.preset import Preset


def with_allowed_code(
    preset: Preset,
    workspace: Workspace,
    drivers: DriverSet,
    settings: Settings,
    config_files: Mapping[str, Mapping[str, str]],
) -> Preset:
    """Return the preset with ``remote_code`` where the model or the tuner's options ask for it.

    ``check`` asks the same. Here it is asked again of the source that will be loaded, which may be the user's image.

    Raises:
        InvalidWorkspace: the settings do not allow it.
    """
    tuning, allows = workspace.tuning, settings.sources.allows_code
    problem = preset_problem("tuning.preset.name" if tuning else "inference.preset.name", preset, allows)
    if problem is not None:
        raise InvalidWorkspace([problem])
    tuner = drivers.find_tuner(tuning.method.lower()) if tuning else None
    if tuning is None or tuner is None:
        return preset
    files = config_files.get(tuning.config, {}) if tuning.config else {}
    problems = [*option_problems(tuner, tuning.method_config, files, preset, allows)]
    if problems:
        raise InvalidWorkspace(below("tuning.methodConfig", problems, list(files)))
    asks = any(True for _ in tuner.asks_remote_code(tuning.method_config, files))
    return replace(preset, remote_code=preset.remote_code or asks)
