"""From a Workspace as written to a Plan that can be applied: read what decisions need, check, plan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelwright.errors import ConfigError, InvalidWorkspace, PluginError, Problem

if TYPE_CHECKING:
    from modelwright.api.workspace import Workspace
    from modelwright.check import Facts
    from modelwright.cli.documents import Written
    from modelwright.cli.session import Session
    from modelwright.plugins.discovery import Kind
    from modelwright.values.plan import Plan, Target
    from modelwright.values.preset import Preset

TUNING_CONFIG = "training_config.yaml"
INFERENCE_CONFIG = "inference_config.yaml"

ConfigFiles = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A Workspace that was found valid: its Plan, what to warn of, and what the target must know besides."""

    workspace: Workspace
    plan: Plan
    warnings: tuple[str, ...]
    base: Path
    config_files: ConfigFiles


class Preparation:
    """Prepares Workspaces for one target, with what one session knows."""

    def __init__(self, session: Session, target: Target, config_dir: str | None) -> None:
        self._session = session
        self._target = target
        self._config_dir = Path(config_dir) if config_dir else session.settings.config_directory

    def problems(self, written: Written, *, old: Workspace | None = None, buying: bool = False) -> tuple[Problem, ...]:
        """Everything that is wrong with it, placed in its document; ``buying`` refuses placeholders."""
        from modelwright.check import check_workspace

        workspace = self._absolute(written)
        files = self._config_files(written)
        facts = self._facts(workspace, files, buying)
        return written.document.place([*check_workspace(workspace, old=old, facts=facts), *self._policies(workspace)])
