"""Words like ``IMAGE_NAME_HERE``, ``<your-vm-sku>``, ``${ACR}`` and ``{{ .Values.x }}`` that nobody has filled in."""

from __future__ import annotations

import re
from collections.abc import Iterator

from llmwright.api.workspace import DataSource
from llmwright.check.check_input import CheckInput
from llmwright.check.facts import Severity
from llmwright.errors import Problem

_COMPONENT = re.compile(
    r"(?<![A-Za-z0-9_-])[A-Z0-9_]*_HERE(?![A-Za-z0-9_-])"
    r"|<[A-Za-z][A-Za-z0-9 _.-]{0,80}>|\$\{[A-Za-z_][A-Za-z0-9_]{0,80}\}"
    r"|\$\([A-Za-z_][A-Za-z0-9_.]{0,80}\)|\{\{[^{}\n]{1,80}\}\}"
)
_FILLER = "placeholder"


def fill_placeholders(text: str) -> str:
    """``text`` with each component that is a placeholder replaced by a word that may stand in its place."""
    return _COMPONENT.sub(_FILLER, text)


def placeholders_in(text: str) -> list[str]:
    """The placeholders in ``text``: ``NAME_HERE``, ``<your-name>``, ``${NAME}``, ``$(NAME)``, ``{{ name }}``."""
    return _COMPONENT.findall(text)


def unfilled(path: str, text: str, severity: Severity = "error") -> Problem:
    """Return the problem of ``text``, which is a placeholder or has one."""
    return Problem(
        path, f"still to be filled in: {text}", "write your own value", severity=severity, reason="Placeholder"
    )


def check_placeholders(inputs: CheckInput) -> Iterator[Problem]:
    """A placeholder is a warning while looking, and an error where something is about to be bought."""
    severity: Severity = "error" if inputs.policy.refuse_placeholders else "warning"
    for path, text in _texts(inputs):
        placeholders = placeholders_in(text)
        if placeholders:
            yield unfilled(path, ", ".join(placeholders), severity)


def _texts(inputs: CheckInput) -> Iterator[tuple[str, str]]:
    for path, spec in inputs.presets():
        options = spec.preset_options
        yield f"{path}.presetOptions.image", options.image
        yield f"{path}.presetOptions.modelAccessSecret", options.model_access_secret
    if inputs.written.inference:
        for index, adapter in enumerate(inputs.written.inference.adapters):
            yield from _source_texts(f"inference.adapters[{index}].source", adapter.source)
    if inputs.written.tuning:
        yield from _source_texts("tuning.input", inputs.written.tuning.input)
        output = inputs.written.tuning.output
        if output:
            yield "tuning.output.image", output.image
            yield "tuning.output.imagePushSecret", output.image_push_secret


def _source_texts(path: str, source: DataSource | None) -> Iterator[tuple[str, str]]:
    if source is None:
        return
    yield f"{path}.image", source.image
    for field, values in (("urls", source.urls), ("imagePullSecrets", source.image_pull_secrets)):
        for index, value in enumerate(values):
            yield f"{path}.{field}[{index}]", value
