"""A Workspace asks for nothing that the person who wrote it may not have, unless the settings allow it.

The operator creates the pods. Who may write a Workspace may not always create pods, and would get by it what the
cluster does not give them: a pod that is root on its node, a directory of the node, the rights of an account.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from llmwright.check.check_input import CheckInput
from llmwright.check.pod_rights import asked_by_pod, asked_by_volume
from llmwright.check.volume_source import volume_sources
from llmwright.errors import Problem

PATH = "inference.template"
ALLOWED_BY = "the person who runs LLMwright may allow it by the setting"


def check_template_rights(inputs: CheckInput) -> Iterator[Problem]:
    """A new or a changed template is an ordinary pod."""
    template = inputs.written.template
    unchanged = inputs.old is not None and inputs.old.template == template
    if not isinstance(template, Mapping) or unchanged or _is_allowed(inputs):
        return
    volumes = _volumes(template)
    for path, what in asked_by_pod(template):
        if path not in volumes or not _is_shared(volumes[path], inputs.policy.host_paths):
            message, setting = f"a template may not ask for {what}", "privilegedTemplates"
            if path in volumes:
                message, setting = _of_directory(message, volumes[path]), "hostPaths"
            yield Problem(f"{PATH}.{path}", message, f"remove it; {ALLOWED_BY} {setting}", reason="PrivilegedTemplate")


def check_volume_rights(inputs: CheckInput) -> Iterator[Problem]:
    """A new or a changed volume is no directory of a node but one that all may use, and has no account's token."""
    if _is_allowed(inputs):
        return
    before = [source for _, source in volume_sources(inputs.old)] if inputs.old is not None else []
    for path, source in volume_sources(inputs.written):
        if source in before or _is_shared(source.get("hostPath"), inputs.policy.host_paths):
            continue
        for place, what in asked_by_volume(path, source):
            is_directory = place.endswith(".hostPath")
            message = f"a Workspace may not ask for {what}"
            message = _of_directory(message, source["hostPath"]) if is_directory else message
            other = "name a persistentVolumeClaim or an image" if is_directory else "remove it"
            setting = "hostPaths" if is_directory else "privilegedTemplates"
            yield Problem(place, message, f"{other}; {ALLOWED_BY} {setting}", reason="PrivilegedVolume")


def _is_allowed(inputs: CheckInput) -> bool:
    return inputs.policy.privileged_templates or not inputs.on_cluster


def _volumes(template: Mapping[str, Any]) -> dict[str, Any]:
    """Return each ``hostPath`` of a template by its path."""
    spec = template.get("spec")
    found = spec.get("volumes") if isinstance(spec, Mapping) else None
    volumes = found if isinstance(found, list | tuple) else ()
    return {
        f"spec.volumes[{index}].hostPath": volume["hostPath"]
        for index, volume in enumerate(volumes)
        if isinstance(volume, Mapping) and "hostPath" in volume
    }


def _is_shared(volume: Any, allowed: tuple[str, ...]) -> bool:
    """Whether a ``hostPath`` lies in a directory of the nodes that Workspaces may use."""
    path = volume.get("path") if isinstance(volume, Mapping) else None
    if not isinstance(path, str):
        return False
    place = PurePosixPath(path)
    return ".." not in place.parts and any(place.is_relative_to(directory) for directory in allowed)


def _of_directory(message: str, volume: Any) -> str:
    path = volume.get("path") if isinstance(volume, Mapping) else None
    return f"{message}: {path}" if path else message
