"""The object that answers the hooks of one plugin: what its entry point names, or an instance of that class.

A hook with settings is a class. It declares their pydantic model as ``settings_model``, and is made with an instance.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from llmwright.errors import ConfigError
from llmwright.plugins.configuration import validate_settings
from llmwright.plugins.discovery import PluginEntry
from llmwright.plugins.driver_calls import must_pass, plugin_code
from llmwright.plugins.failures import contract


def hook_object(loaded: Any, entry: PluginEntry, key: str, written: Mapping[str, Any]) -> Any:
    """Return the object whose marked functions answer the hooks of ``entry``.

    Args:
        loaded: the target of its entry point.
        entry: the plugin.
        key: the name under which its settings stand.
        written: its settings.

    Raises:
        ConfigError: settings that it does not take.
        PluginContract: the class cannot be made.
    """
    is_class = inspect.isclass(loaded)
    with_settings = is_class and getattr(loaded, "settings_model", None) is not None
    if written and not with_settings:
        message = f"plugins.hook.{key}: the hook {entry.name!r} of {entry.origin} has no settings"
        raise ConfigError(message, hint="remove them", reason="InvalidSettings")
    if not is_class:
        return loaded
    settings = (validate_settings(f"plugins.hook.{key}", loaded, written),) if with_settings else ()
    try:
        with plugin_code(f"the making of hook {entry.name!r} of {entry.origin}"):
            return loaded(*settings)
    except BaseException as error:  # a stranger's code may raise anything
        if must_pass(error):
            raise
        raise contract(entry, f"cannot be made: {type(error).__name__}: {error}") from error
