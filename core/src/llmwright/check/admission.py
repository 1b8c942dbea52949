"""Which rules hold when, and the one function that runs them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from llmwright.check import (
    api_key,
    autoscaling,
    driver_options,
    gpu_images,
    identity,
    inference,
    inference_config,
    limits,
    local,
    object_names,
    object_references,
    object_sizes,
    own_nodes,
    partition,
    placeholders,
    pod_template,
    preset,
    remote_code,
    resource,
    template_rights,
    tuning,
    tuning_config,
    update,
    volume_source,
)
from llmwright.check.check_input import CheckInput
from llmwright.errors import InvalidWorkspace, Problem

Rule = Callable[[CheckInput], Iterator[Problem]]

ALWAYS: tuple[Rule, ...] = (
    inference.check_template,
    template_rights.check_template_rights,
    template_rights.check_volume_rights,
    identity.check_name,
    identity.check_node_class,
    inference.check_adapters,
    driver_options.check_driver_names,
    driver_options.check_driver_options,
    remote_code.check_remote_code,
    api_key.check_api_key,
    local.check_unused,
    local.check_local_parts,
    placeholders.check_placeholders,
    limits.check_limits,
    autoscaling.check_range,
    autoscaling.check_autoscaler,
    autoscaling.check_copies_within_limits,
    autoscaling.check_local_copies,
)

CREATE: tuple[Rule, ...] = (
    identity.check_one_purpose,
    object_names.check_object_names,
    object_names.check_label_syntax,
    object_references.check_references,
    object_sizes.check_size,
    object_sizes.check_metadata,
    volume_source.check_volume_sources,
    pod_template.check_pod_template,
    identity.check_image_family,
    identity.check_modes,
    identity.check_runtime_annotation,
    identity.check_known_annotations,
    identity.check_streaming,
    resource.check_count,
    resource.check_selector,
    resource.check_preferred_nodes,
    resource.check_instance_type,
    resource.check_memory,
    own_nodes.check_nodes,
    partition.check_partition,
    preset.check_presets,
    preset.check_access,
    preset.check_runtime_support,
    gpu_images.check_gpu_images,
    inference.check_what_is_served,
    inference.check_tuned_name,
    inference.check_workable_adapters,
    inference.check_adapter_images,
    inference_config.check_inference_config,
    inference_config.check_flags_are_read,
    tuning.check_tuning_parts,
    tuning.check_method,
    tuning.check_input,
    tuning.check_output,
    tuning_config.check_tuning_config,
)
"""KAITO runs these when a Workspace is made. When one is changed they warn: it accepted them before."""

UPDATE: tuple[Rule, ...] = (
    update.check_purpose_kept,
    update.check_resource_kept,
    update.check_inference_kept,
    update.check_tuning_kept,
    update.check_annotations_kept,
    update.check_streaming_kept,
    inference.check_adapter_details,
)


def check_workspace(inputs: CheckInput) -> tuple[Problem, ...]:
    """Return everything that is wrong with the Workspace, errors and warnings, each with its YAML path.

    Pure, and raises nothing for any Workspace. Lines and columns are the document's: ``Document.place``.
    """
    if inputs.old is None:
        return tuple(dict.fromkeys([*_run(ALWAYS, inputs), *_run(CREATE, inputs)]))
    problems = [*_run(ALWAYS, inputs), *_run(UPDATE, inputs)]
    known = {problem.path for problem in problems}
    created = (problem for problem in _run(CREATE, inputs) if problem.path not in known)
    problems += [replace(problem, severity="warning") for problem in created]
    return tuple(dict.fromkeys(problems))


def refuse(problems: Iterable[Problem], *, source: str = "") -> tuple[Problem, ...]:
    """Return ``problems`` where all of them are warnings.

    Raises:
        InvalidWorkspace: at least one is an error; the exception carries all.
    """
    listed = tuple(problems)
    if any(problem.severity == "error" for problem in listed):
        raise InvalidWorkspace(listed, source=source)
    return listed


def _run(rules: Iterable[Rule], inputs: CheckInput) -> Iterator[Problem]:
    for rule in rules:
        yield from rule(inputs)
