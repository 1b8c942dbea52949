"""Where plugins meet the core: driver base classes, hook specifications, and the one registry.

Only ``registry`` imports stevedore and pluggy. A driver is chosen by a name the user wrote and is answered by exactly
one plugin; a hook may be answered by any number.

A plugin marks its hook functions with ``from llmwright.plugins import hookimpl``: ``@hookimpl.check_workspace``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmwright.plugins.registry import hookimpl as hookimpl

__all__ = ["hookimpl"]


def __getattr__(name: str) -> Any:
    # pluggy is loaded for those who mark hooks, not for those who only import a room of this package.
    if name == "hookimpl":
        from llmwright.plugins.registry import hookimpl

        return hookimpl
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
