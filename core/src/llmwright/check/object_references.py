"""Secrets and ConfigMaps that a Workspace names: that there can be such, by the API server's rules for their names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from llmwright.api.workspace import DataSource
from llmwright.check.check_input import CheckInput
from llmwright.check.kubernetes_names import as_label, subdomain_problem
from llmwright.check.placeholders import placeholders_in
from llmwright.errors import Problem


def check_references(inputs: CheckInput) -> Iterator[Problem]:
    """Each Secret and ConfigMap has a name that one can have. Else a pod would wait for it on a node that is paid.

    Of a Secret it is a warning, as of one that is not there: the operator may not look, and KAITO accepts any name.
    """
    if not inputs.on_cluster:
        return
    for path, kind, name in (*_of_presets(inputs), *_of_inference(inputs), *_of_tuning(inputs)):
        if name and not placeholders_in(name) and (wrong := subdomain_problem(name)):
            near = as_label(name)
            hint = f"for example {near}" if near else ""
            severity: Literal["error", "warning"] = "warning" if kind == "Secret" else "error"
            text = f"no {kind} can be called {name!r}: its name {wrong}"
            yield Problem(path, text, hint, severity=severity, reason="Unworkable")


def _of_presets(inputs: CheckInput) -> Iterator[tuple[str, str, str]]:
    for path, spec in inputs.presets():
        yield f"{path}.presetOptions.modelAccessSecret", "Secret", spec.preset_options.model_access_secret
        for index, name in enumerate(spec.preset_options.image_pull_secrets):
            yield f"{path}.presetOptions.imagePullSecrets[{index}]", "Secret", name


def _of_inference(inputs: CheckInput) -> Iterator[tuple[str, str, str]]:
    inference = inputs.written.inference
    if inference is None:
        return
    yield "inference.config", "ConfigMap", inference.config
    for index, adapter in enumerate(inference.adapters):
        yield from _of_source(f"inference.adapters[{index}].source", adapter.source)


def _of_tuning(inputs: CheckInput) -> Iterator[tuple[str, str, str]]:
    tuning = inputs.written.tuning
    if tuning is None:
        return
    yield "tuning.config", "ConfigMap", tuning.config
    yield from _of_source("tuning.input", tuning.input)
    if tuning.output is not None:
        yield "tuning.output.imagePushSecret", "Secret", tuning.output.image_push_secret


def _of_source(path: str, source: DataSource | None) -> Iterator[tuple[str, str, str]]:
    for index, name in enumerate(source.image_pull_secrets if source else ()):
        yield f"{path}.imagePullSecrets[{index}]", "Secret", name
