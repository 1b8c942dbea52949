"""The settings that a cluster's operator has, and what of them can be used on this machine."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from llmwright.app.cluster_doctor.operator_state import InstalledOperator
from llmwright.errors import ConfigError
from llmwright.plugins.configuration import not_installed
from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_errors import ApiError
from llmwright.targets.kubernetes.cluster.api_resources import CONFIG_MAPS
from llmwright.targets.kubernetes.commands.access import explained
from llmwright.values.nodes import Finding

if TYPE_CHECKING:
    from llmwright.app.session import Session
    from llmwright.settings import Settings

SETTINGS_FILE = "llmwright.yaml"
FILES = ("state_directory", "preset_directories", "config_directory", "docker_config")
"""The settings that are paths: the operator's lead into its pod."""


def settings_of(api: Api, installed: InstalledOperator) -> tuple[Settings | None, Finding]:
    """Return the settings that the operator has, None where they are not to be had; and what was found."""
    about = "operator's settings"
    where = f"ConfigMap {installed.namespace}/{installed.settings_map}"
    try:
        data = api.get(CONFIG_MAPS, installed.namespace, installed.settings_map).get("data") or {}
    except ApiError as error:
        refused = explained(error, api)
        message = f"{where}: {refused.message}; those of this machine are taken in their place"
        return None, Finding(about=about, state="unchecked", message=message, hint=refused.hint)
    from llmwright import settings

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / SETTINGS_FILE
        file.write_text(str(data.get(SETTINGS_FILE) or "{}"), encoding="utf-8")
        try:
            read = settings.load({}, installed.environment, Path(folder), file=file)
        except ConfigError as error:
            message = f"{where}: {error.message.replace(f'{folder}/', '')}"
            return None, Finding(about=about, state="problem", message=message, hint=error.hint)
    chosen = f"provisioner {read.provisioner}" if read.provisioner else "no default provisioner"
    return read, Finding(about=about, state="ok", message=f"{where}: {chosen}")


def usable_here(settings: Settings, session: Session) -> tuple[Settings, list[str]]:
    """Return an operator's settings with this machine's files, and without those of plugins that it lacks.

    The operator may have been given plugins of its own. Those that its settings name and this machine lacks are
    returned too, as ``provisioner acme``.
    """
    rows = session.registry.entries()
    drivers = [("provisioner", name) for name in sorted(settings.named_provisioners)]
    drivers += [("runtime", settings.runtime)] if settings.runtime else []
    strange = [driver for driver in drivers if driver not in {(row.kind, row.name) for row in rows}]
    lacking = dict.fromkeys([*strange, *not_installed(settings.plugins.by_kind, rows)])
    plugins = {
        kind: {name: written for name, written in by_name.items() if (kind, name) not in lacking}
        for kind, by_name in settings.plugins.by_kind.items()
    }
    own = {name: getattr(session.settings, name) for name in FILES}
    here = settings.model_copy(update={"plugins": settings.plugins.model_copy(update=plugins), **own})
    return here, [f"{kind} {name}" for kind, name in lacking]
