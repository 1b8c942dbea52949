"""What one invocation works with, each part made when first asked for."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelwright.plugins.registry import Registry
    from modelwright.settings import Settings


@dataclass
class Session:
    """The global options, and from them settings, registry, catalogue and target."""

    settings_file: str | None = None
    namespace: str | None = None
    blocked: tuple[str, ...] = ()
    preset_dirs: tuple[str, ...] = ()
    verbose: bool = False
    flags: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def settings(self) -> Settings:
        """Flags over environment over file over defaults."""
        from modelwright import settings

        return settings.load(flags=self.flags, environ=os.environ, file=self.settings_file)

    @cached_property
    def registry(self) -> Registry:
        """The installed plugins, less the blocked ones."""
        from modelwright.plugins.registry import Registry

        return Registry(blocked=(*self.blocked, *self.settings.blocked_plugins))
