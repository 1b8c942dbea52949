"""Hooks that the settings require: without them nothing is accepted that they would have judged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from llmwright.errors import PluginError, did_you_mean
from llmwright.plugins.discovery import PluginEntry

SETTING = "plugins.required"
REASON = "RequiredPluginMissing"


def missing(
    required: Iterable[str], rows: Sequence[PluginEntry], broken: Mapping[PluginEntry, PluginError]
) -> Iterator[PluginError]:
    """Yield an error for each of ``required`` that is not installed, is left out, or did not load.

    Args:
        required: names of hooks or of their distributions.
        rows: all installed plugins, in any state.
        broken: the hooks whose loading failed.
    """
    hooks = [row for row in rows if row.kind == "hook"]
    for name in required:
        rule = f"the settings require the hook {name!r} ({SETTING})"
        meant = [row for row in hooks if row.answers_to(name)]
        if not meant:
            hint = did_you_mean(name, (row.name for row in hooks), "llmwright plugins list")
            yield PluginError(f"{rule}, and no installed hook answers to it", hint=hint, reason=REASON)
        for row in meant:
            error = broken.get(row)
            if row.state != "found":
                yield PluginError(f"{rule}, and it is not used: {row.detail}", hint=_mend(row), reason=REASON)
            elif error is not None:
                yield PluginError(f"{rule}: {error.message}", hint=error.hint, reason=REASON)


def _mend(row: PluginEntry) -> str:
    if row.state == "blocked":
        return "remove it from --no-plugin and blockedPlugins, or name it in allowedPlugins"
    return f"mend or update {row.distribution}"
