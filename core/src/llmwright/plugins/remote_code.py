"""Python code from a model's repository: who asks for it, and whether the settings allow it.

Nothing that a Workspace says is enough: it may come from somebody who does not own the machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from llmwright.errors import ConfigError, Problem
from llmwright.plugins.drivers import Driver
from llmwright.values.preset import Preset

SETTING = "sources.remoteCode"
REASON = "RemoteCodeRefused"

AllowsCode = Callable[[str], bool]
"""A preset's ``source`` to whether the settings allow its code."""


def preset_problem(path: str, preset: Preset, allows: AllowsCode) -> Problem | None:
    """Return why a preset that needs code cannot be used, None where it can; ``path`` is that of its name."""
    if not preset.remote_code or allows(preset.source):
        return None
    message = (
        f"{preset.name} cannot be loaded without Python code from {preset.source}, and no setting allows to run it"
    )
    return Problem(path, message, _hint(preset.source), reason=REASON)


def option_problems(
    driver: type[Driver],
    options: Mapping[str, Any],
    files: Mapping[str, str],
    preset: Preset | None,
    allows: AllowsCode,
) -> Iterator[Problem]:
    """Yield a problem for each place in a driver's configuration that asks for code which the settings do not allow.

    Paths are as in ``Driver.asks_remote_code``. Code of a model that is not known (None) is not allowed.
    """
    if preset is not None and allows(preset.source):
        return
    source = preset.source if preset is not None else "the model"
    for path in driver.asks_remote_code(options, files):
        message = f"would run Python code from {source}, and no setting allows that"
        yield Problem(path, message, _hint(preset.source if preset is not None else ""), reason=REASON)


def _hint(source: str) -> str:
    allowed = f"{SETTING}: [{source!r}] in the settings allows it" if source else f"the setting {SETTING} allows it"
    return f"{allowed}; read that code first, it runs with the rights of the process"


def code_needed(model: str) -> ConfigError:
    """Return the error of a process that is not allowed to run the code which ``model`` needs."""
    return ConfigError(
        f"the model {model} cannot be loaded without Python code from its repository, and no setting allows to run it",
        hint=f"the setting {SETTING} allows it (by hand: --trust-remote-code); read that code first",
        reason=REASON,
    )
