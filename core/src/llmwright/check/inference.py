"""Serving: preset or template, adapters, and the config of vLLM."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from llmwright.api.served_name import served_name
from llmwright.api.workspace import AdapterSpec, DataSource
from llmwright.catalogue.adapter_rules import name_problem
from llmwright.check.check_input import CheckInput
from llmwright.check.kubernetes_names import subdomain_problem
from llmwright.check.sources import image_problems, source_problems
from llmwright.errors import Problem

MOST_ADAPTERS = 10


def check_what_is_served(inputs: CheckInput) -> Iterator[Problem]:
    """Exactly one of preset and template."""
    inference = inputs.written.inference
    if inference is None:
        return
    if inference.preset is None and inference.template is None:
        hint = "preset: {name: phi-4-mini-instruct}"
        yield Problem("inference", "neither preset nor template says what to serve", hint, reason="Required")
    if inference.preset is not None and inference.template is not None:
        yield Problem("inference", "both preset and template are there", "keep one", reason="Conflict")


def check_template(inputs: CheckInput) -> Iterator[Problem]:
    """``template`` has the form of a pod template, as far as it is read here; the API server judges the rest."""
    inference = inputs.written.inference
    template = inference.template if inference else None
    if inference is None or template is None:
        return
    if inference.preset is None and (inference.runtime or inference.runtime_config):
        key = "runtime" if inference.runtime else "runtimeConfig"
        message = "a template is the whole pod, and no runtime serves it"
        yield Problem(
            f"inference.{key}", message, "remove it, or write a preset in place of the template", reason="Conflict"
        )
    path = "inference.template"
    for part, keys in (("metadata", ("labels", "annotations")), ("spec", ())):
        section = template.get(part)
        if section is not None and not isinstance(section, Mapping):
            yield Problem(f"{path}.{part}", "must be a mapping", reason="WrongType")
        elif section:
            wrong = (key for key in keys if not isinstance(section.get(key) or {}, Mapping))
            yield from (Problem(f"{path}.{part}.{key}", "must be a mapping", reason="WrongType") for key in wrong)
    spec = template.get("spec")
    if not isinstance(spec, Mapping):
        return
    for key in ("containers", "tolerations"):
        items = spec.get(key) or []
        if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
            yield Problem(f"{path}.spec.{key}", "must be a list of mappings", reason="WrongType")


def check_adapters(inputs: CheckInput) -> Iterator[Problem]:
    """At most ten adapters, each with a source and a name of its own."""
    adapters = inputs.written.inference.adapters if inputs.written.inference else []
    if len(adapters) > MOST_ADAPTERS:
        message = f"{len(adapters)} adapters, at most {MOST_ADAPTERS} can be served"
        yield Problem("inference.adapters", message, reason="TooMany")
    names: dict[str, int] = {}
    for index, adapter in enumerate(adapters):
        path = f"inference.adapters[{index}]"
        if adapter.source is None:
            yield Problem(f"{path}.source", "is required", "source: {name: …, image: …}", reason="Required")
            continue
        if adapter.source.name and adapter.source.name == _base_name(inputs):
            message = f"the name {adapter.source.name!r} is the base model's: requests could not tell them apart"
            yield Problem(f"{path}.source.name", message, "give each its own", reason="Unworkable")
        first = names.setdefault(adapter.source.name, index)
        if first != index and adapter.source.name:
            message = f"the name {adapter.source.name!r} is taken by inference.adapters[{first}]"
            yield Problem(f"{path}.source.name", message, "give each its own", reason="Duplicate")


def check_tuned_name(inputs: CheckInput) -> Iterator[Problem]:
    """A tuned model, which is served under the Workspace's name beside its base model, is not called like that."""
    tuning, name = inputs.written.tuning, inputs.written.metadata.name
    if tuning is None or (tuning.on_success or inputs.policy.on_success) != "serve" or name != _base_name(inputs):
        return
    message = f"the tuned model would be served as {name!r}, which is the base model's name"
    hint = f"for example {name}-tuned, or tuning.onSuccess: release"
    yield Problem("metadata.name", message, hint, reason="Unworkable")


def _base_name(inputs: CheckInput) -> str:
    """Return the base model's name in requests, empty without a preset."""
    spec = inputs.written.preset
    preset = inputs.catalogue.find_preset(spec.name) if spec is not None else None
    name = preset.name if preset is not None else spec.name if spec is not None else ""
    return served_name(inputs.written, name) if name else ""


def check_workable_adapters(inputs: CheckInput) -> Iterator[Problem]:
    """Each adapter can be loaded and asked for. KAITO finds such mistakes only in the pod."""
    for index, adapter in enumerate(inputs.written.inference.adapters if inputs.written.inference else ()):
        path, source = f"inference.adapters[{index}]", adapter.source
        if source is None:
            continue
        if not source.name:
            yield Problem(f"{path}.source.name", "requests select it by its name", "name it", reason="Unworkable")
        elif message := name_problem(source.name):
            yield Problem(f"{path}.source.name", message, "give it another name", reason="Unworkable")
        elif wrong := subdomain_problem(source.name):
            message = f"{source.name!r} {wrong}, or the Workspace cannot be changed later"
            yield Problem(f"{path}.source.name", message, severity="warning", reason="BadName")
        if not source.image and source.volume_source is None:
            message = "an adapter comes from an image or a volume"
            yield Problem(f"{path}.source", message, "write image or volumeSource", reason="Unworkable")
        if adapter.strength is not None:
            yield from _strength(path, adapter.strength, "Unworkable")


def check_adapter_details(inputs: CheckInput) -> Iterator[Problem]:
    """KAITO's rules on adapters when a Workspace is changed."""
    for index, adapter in enumerate(inputs.written.inference.adapters if inputs.written.inference else ()):
        if adapter.source is not None:
            yield from _details(inputs, f"inference.adapters[{index}]", adapter, adapter.source)


def _details(inputs: CheckInput, path: str, adapter: AdapterSpec, source: DataSource) -> Iterator[Problem]:
    yield from source_problems(inputs, f"{path}.source", source)
    if not source.name:
        yield Problem(f"{path}.source.name", "is required", "requests select it by its name", reason="Required")
    elif wrong := subdomain_problem(source.name):
        yield Problem(f"{path}.source.name", f"{source.name!r} {wrong}", reason="BadName")
    if not source.image and source.volume_source is None:
        message = "an adapter comes from an image or a volume"
        yield Problem(f"{path}.source", message, "write image or volumeSource", reason="Required")
    if source.urls:
        message = "an adapter cannot come from URLs"
        yield Problem(f"{path}.source.urls", message, "write image or volumeSource", reason="NotSupported")
    if adapter.strength is not None:
        yield from _strength(path, adapter.strength, "OutOfRange")


def _strength(path: str, text: str, reason: str) -> Iterator[Problem]:
    try:
        strength = float(text)
    except ValueError:
        strength = math.nan
    if not 0 <= strength <= 1:
        message = f"{text!r} is no number from 0 to 1"
        yield Problem(f"{path}.strength", message, 'for example "0.5"', reason=reason)


def check_adapter_images(inputs: CheckInput) -> Iterator[Problem]:
    """Names of adapters' images, which KAITO looks at only when a Workspace is changed."""
    for index, adapter in enumerate(inputs.written.inference.adapters if inputs.written.inference else ()):
        if adapter.source is not None and adapter.source.image:
            path = f"inference.adapters[{index}].source.image"
            yield from image_problems(inputs, path, adapter.source.image, reason="Unworkable")
