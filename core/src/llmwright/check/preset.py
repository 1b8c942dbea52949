"""The preset that is named: that it is known, and what it needs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from llmwright.api.workspace import PresetSpec
from llmwright.catalogue.model_directory import names_a_directory
from llmwright.check.check_input import CheckInput
from llmwright.check.facts import Severity
from llmwright.check.placeholders import placeholders_in, unfilled
from llmwright.check.sources import image_problems
from llmwright.errors import Problem, did_you_mean
from llmwright.plugins.installing import pip_install
from llmwright.plugins.selection import objections
from llmwright.values.preset import Preset

LIST_PRESETS = "llmwright presets list"
ADDRESS = re.compile(r"(?:https?://[^/]+/|hf://)([^/?#]+/[^/?#]+)", re.IGNORECASE)
"""A model's page on the hub, or its source as a preset names it; the group is its name."""


def check_presets(inputs: CheckInput) -> Iterator[Problem]:
    """Every preset named is in the catalogue, a directory of this machine, or looks like a model of the hub."""
    for path, spec in inputs.presets():
        preset = inputs.catalogue.find_preset(spec.name)
        if preset is not None:
            if preset.retired:
                message = f"{preset.name} is an old name: {preset.retired}; served here as {preset.source}"
                yield Problem(f"{path}.name", message, severity="warning", reason="RetiredPreset")
            continue
        if names_a_directory(spec.name):
            if inputs.on_cluster:
                yield _not_in_cluster(f"{path}.name", spec.name)
        elif not _is_hub_name(spec.name):
            yield _unknown(inputs, f"{path}.name", spec.name)


def _not_in_cluster(path: str, name: str) -> Problem:
    hint = (
        "push it to a hub and write ORG/MODEL, or to a registry and add a preset with source: oci://REGISTRY/NAME:TAG"
    )
    return Problem(
        path, f"{name} is a directory of one machine, which a cluster does not have", hint, reason="NotSupported"
    )


def _is_hub_name(name: str) -> bool:
    organisation, slash, model = name.partition("/")
    return bool(organisation and slash and model) and ":" not in organisation


def _unknown(inputs: CheckInput, path: str, name: str) -> Problem:
    broken = inputs.catalogue.broken_presets.get(name)
    if broken is not None:
        return Problem(path, f"preset {name!r} cannot be used: {broken}", reason="BrokenPreset")
    if placeholders_in(name):
        return unfilled(path, name)
    if address := ADDRESS.match(name):
        hint = f"write the model's name alone: {address[1]}"
        return Problem(path, f"{name!r} is an address, not the name of a model", hint, reason="UnknownPreset")
    known = tuple(inputs.catalogue.preset_names())
    no_pack = "no presets are installed"
    hint = did_you_mean(name, known, LIST_PRESETS) if known else f"{no_pack}: {pip_install('llmwright-presets')}"
    return Problem(path, f"unknown preset {name!r}", hint, reason="UnknownPreset")


def check_access(inputs: CheckInput) -> Iterator[Problem]:
    """The Workspace has what downloading the weights of its preset needs."""
    inference = inputs.written.inference
    if inputs.v1alpha1 and inference and inference.preset:
        yield from _private_image(inference.preset, inputs.inference_preset)
    for path, spec in inputs.presets():
        preset = inputs.catalogue.find_preset(spec.name)
        yield from _image(inputs, path, spec)
        if preset is not None and not spec.own_image:
            yield from _token(inputs, f"{path}.presetOptions.modelAccessSecret", spec, preset)


def _image(inputs: CheckInput, path: str, spec: PresetSpec) -> Iterator[Problem]:
    """The image that holds the weights, where there is one. KAITO v0.12 reads its name and takes the hub's weights."""
    if spec.own_image:
        yield from image_problems(inputs, f"{path}.presetOptions.image", spec.own_image, reason="Unworkable")
    elif spec.preset_options.image:
        message, hint = "is not used: the weights come from the hub", "write accessMode: private to take them from it"
        yield Problem(f"{path}.presetOptions.image", message, hint, severity="warning", reason="NotUsed")


def _private_image(spec: PresetSpec, preset: Preset | None) -> Iterator[Problem]:
    """Weights that come as an image which not everybody may pull (v1alpha1)."""
    path = "inference.preset"
    if spec.access_mode == "private" and not spec.preset_options.image:
        hint = "name the image that holds the weights"
        yield Problem(f"{path}.presetOptions.image", "accessMode private needs an image", hint, reason="Required")
    private = preset is not None and preset.gated and preset.source.startswith("oci://")
    if private and spec.access_mode != "private":
        hint = "write accessMode: private and name your image"
        yield Problem(f"{path}.accessMode", f"{spec.name} can be had as a private image only", hint, reason="Required")


def _token(inputs: CheckInput, path: str, spec: PresetSpec, preset: Preset) -> Iterator[Problem]:
    """One rule for every purpose and version. KAITO has it for serving in v1beta1; elsewhere its pod fails."""
    secret = spec.preset_options.model_access_secret
    downloaded = preset.source.startswith("hf://")
    if downloaded and preset.gated and not secret:
        message = f"{preset.name} is gated: its licence must be accepted on the hub and a token given"
        hint = "name a Secret with the key HF_TOKEN" if inputs.on_cluster else "set HF_TOKEN or log in to the hub"
        if inputs.v1alpha1 and inputs.on_cluster:
            hint = f"write apiVersion: kaito.sh/v1beta1, and {hint}"
        severity: Severity = "error" if inputs.on_cluster else "warning"
        asked_by_kaito = not inputs.v1alpha1 and path.startswith("inference")
        reason = "TokenRequired" if asked_by_kaito else "Unworkable"
        yield Problem(path, message, hint, severity=severity, reason=reason)
    if secret and not downloaded:
        message = f"{preset.name} is not downloaded from the hub and takes no token"
        yield Problem(path, message, "remove it", reason="NotAllowed")


def check_runtime_support(inputs: CheckInput) -> Iterator[Problem]:
    """The runtime can serve this preset, with what the Workspace adds to it."""
    inference, name, runtime = inputs.written.inference, inputs.runtime_name, inputs.runtime
    if inference is None or inference.preset is None:
        return
    installed = inputs.drivers.installed
    if name is not None and runtime is not None:
        yield from objections(name, runtime, inputs.demand, installed)
    elif name is None and any(True for _ in installed.usable("runtime")):
        message = f"no runtime can serve {inference.preset.name}: {'; '.join(inputs.runtimes.passed_over)}"
        if inputs.runtimes.too_old:
            yield Problem("resource.instanceType", message, "choose a newer GPU", reason="GpuTooOld")
        else:
            yield Problem("inference.preset.name", message, reason="NotSupported")
