"""The pod template that a workload runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from llmwright.targets.kubernetes.manifests.render_input import Manifest, RenderInput
from llmwright.targets.kubernetes.manifests.strategic_merge import merged


def template(
    rendering: RenderInput,
    labels: Mapping[str, str],
    spec: Mapping[str, Any],
    annotations: Mapping[str, str] | None = None,
) -> Manifest:
    """Labels and spec, with the settings' overlay; what is empty is left out."""
    found = {key: value for key, value in spec.items() if value not in (None, [], {})}
    about: Manifest = {"labels": dict(labels), **({"annotations": dict(annotations)} if annotations else {})}
    return _overlaid({"metadata": about, "spec": found}, rendering.settings.pods, labels)


def pull_secrets(secrets: Iterable[str]) -> list[Manifest]:
    """Secrets by name, each once."""
    return [{"name": name} for name in dict.fromkeys(secrets) if name]


def _overlaid(pod: Manifest, overlay: Mapping[str, Any], labels: Mapping[str, str]) -> Manifest:
    """``pod`` with ``overlay``, which is a pod template or a pod's spec; labels that select the pod stay."""
    if not overlay:
        return pod
    whole = overlay if overlay.keys() & {"metadata", "spec"} else {"spec": overlay}
    found: Manifest = merged(pod, whole)
    found["metadata"]["labels"] |= labels
    return found
