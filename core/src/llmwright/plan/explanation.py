"""The sentences of a Plan: what will be created, notes and warnings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from llmwright.plan.plan_input import PlanInput
from llmwright.plan.workload import Workload
from llmwright.plugins.driver_set import DriverKind
from llmwright.plugins.drivers import Runtime
from llmwright.plugins.gpu_images import is_named, not_named, older_image, stands_in
from llmwright.plugins.known import distributions
from llmwright.plugins.selection import serves_one_machine
from llmwright.values.launch import API_KEY, Launch
from llmwright.values.nodes import Watch
from llmwright.values.plan import Choice, Plan
from llmwright.values.preset import Preset
from llmwright.values.tuning_data import TuningData

NAMES_SHOWN = 5
AUTOSCALERS = {"hpa": "HorizontalPodAutoscaler", "keda": "ScaledObject"}
FREE_LICENCES = frozenset({"mit", "apache-2.0", "bsd-3-clause", "cc0-1.0", "openmdw-1.1"})


def created(
    plan: Plan,
    data: TuningData | None,
    *,
    brought: bool = False,
    checkpoints: bool = False,
    serves_as: Watch | None = None,
) -> tuple[str, ...]:
    """Return sentences about what will be created and written, in order; nodes that are ``brought`` are not created.

    ``checkpoints``: the tuner goes on from them. ``serves_as`` is the runtime's own kind in place of a StatefulSet.
    """
    if plan.target == "local":
        return tuple(_on_machine(plan, data, checkpoints))
    name = plan.workspace
    server = f"{serves_as.plural}.{serves_as.group}/{name}" if serves_as else f"the StatefulSet {name}"
    return tuple(_on_cluster(plan, data, brought, server))


def _on_machine(plan: Plan, data: TuningData | None, checkpoints: bool) -> Iterator[str]:
    if plan.preflight:
        yield f"a process that checks first: {_steps(plan.preflight)}"
    if plan.tuning and data:
        yield f"a tuning process{', with checkpoints to go on from' if checkpoints else ''}"
        yield f"the adapter in {_place(data)}, and as an OCI image layout"
        if data.output_image:
            yield f"the image {data.output_image}, pushed"
    if plan.serving:
        yield f"a server on a free port of this machine: {', '.join(plan.served_names)}"


def fallback_notes(alternatives: Sequence[str]) -> tuple[str, ...]:
    """Return a sentence about the instance types that are tried next; none where there is no other."""
    if not alternatives:
        return ()
    shown = ", ".join(alternatives[:NAMES_SHOWN])
    return (f"where quota or capacity is missing, the next is tried: {shown}",)


def used(plan: Plan) -> tuple[str, ...]:
    """Return a sentence about nodes that the user brings."""
    kind = f" x {plan.instance_type.name}" if plan.instance_type else " nodes that the selector finds"
    return (f"uses {plan.nodes.count}{kind}, found by {plan.provisioner.name}; nothing is bought",)


def _on_cluster(plan: Plan, data: TuningData | None, brought: bool, server: str) -> Iterator[str]:
    if plan.preflight:
        yield f"a Job that checks first, without a GPU: {_steps(plan.preflight)}"
    if plan.nodes.count and plan.instance_type and not brought:
        yield f"{plan.nodes.count} x {plan.instance_type.name}, by {plan.provisioner.name}"
    if plan.tuning and data:
        yield f"the Job {plan.workspace}; its adapter goes to {data.output_image or _place(data)}"
    if plan.serving:
        yield f"{server}, serving {', '.join(plan.served_names)}"
        yield f"the Services {plan.workspace} and {plan.workspace}-headless"
        yield from _autoscaler(plan)


def _autoscaler(plan: Plan) -> Iterator[str]:
    if plan.scaling is not None and plan.scaling.by in AUTOSCALERS:
        low, high = plan.scaling.lowest.copies, plan.scaling.highest.copies
        yield f"the {AUTOSCALERS[plan.scaling.by]} {plan.workspace}, from {low} to {high} copies"


def created_for_template(plan: Plan, *, brought: bool) -> tuple[str, ...]:
    """Return sentences about what ``inference.template`` becomes; nodes that are ``brought`` are not created."""
    bought = f"{plan.nodes.count} x {plan.nodes.instance_type_name}, by {plan.provisioner.name}"
    server = f"the StatefulSet {plan.workspace}, with {plan.nodes.count} x the pod of the template"
    services = f"the Services {plan.workspace} and {plan.workspace}-headless"
    objects = (server, services, *_autoscaler(plan))
    return objects if brought else (bought, *objects)


def _steps(launch: Launch) -> str:
    return ", ".join(process.name for process in (*launch.prepare, launch.main))


def _place(data: TuningData) -> str:
    source = data.output_volume_source or {}
    host = source.get("hostPath")
    if isinstance(host, dict) and host.get("path"):
        return str(host["path"])
    return f"the volume {next(iter(source))}" if source else "the Workspace's own directory"


def notes(inputs: PlanInput, workload: Workload) -> tuple[str, ...]:
    """Return sentences that are worth knowing."""
    return (
        *(_not_used(inputs) if inputs.target == "local" else _count(inputs, workload)),
        *_weights(inputs.preset),
        *_data_files(inputs, workload),
        *_templates(inputs, workload),
        *inputs.preset.assumptions,
        *workload.notes,
    )


def _weights(preset: Preset) -> Iterator[str]:
    if preset.source.startswith("oci://"):
        yield f"the weights come from the directory /data of the image {preset.source.removeprefix('oci://')}"


def _data_files(inputs: PlanInput, workload: Workload) -> Iterator[str]:
    """The files that are trained on, where their names are known before a download."""
    if inputs.data_names is None or workload.tuned is None:
        return
    read = workload.tuned.tuner.names_read(inputs.data_names, workload.tuned.config)
    if read is None:
        return
    left = [name for name in inputs.data_names if name not in read]
    aside = f"; {_listed(left)} {'is' if len(left) == 1 else 'are'} left aside" if left else ""
    yield f"trains on {_listed(read) if read else 'nothing: no file of the data set has a known format'}{aside}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMES_SHOWN]) + (
        f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    )


def _templates(inputs: PlanInput, workload: Workload) -> Iterator[str]:
    """Adapters with templates or end tokens of their own, on a runtime that has one of each for all its names."""
    serving = workload.serving
    if serving is None or serving.able.adapter_templates:
        return
    name = serving.choice.name
    if workload.own_template:
        yield f"{name} has one chat template for all names: {inputs.preset.name} answers with the adapter's too"
    elif workload.tuned and inputs.preset.chat_template:
        yield f"{name} answers with the chat template of the model's tokenizer, which the adapter is tuned with"
    elif workload.adapters:
        yield _shared_template(name, inputs, workload)


def _shared_template(name: str, inputs: PlanInput, workload: Workload) -> str:
    """Return how adapters are served whose files nobody has read yet: they may differ from the base and each other."""
    names = _listed([mounted.adapter.name for mounted in workload.adapters])

    def reads(runtime: type[Runtime]) -> bool:
        return runtime.capabilities.adapter_templates and inputs.target in runtime.targets

    able = inputs.drivers.named("runtime", reads)
    other = f"inference.runtime: {able[0]} answers for each with its own" if able else "no runtime here reads them"
    return (
        f"{name} has one chat template and one set of end tokens for all names: {names} answer with the base's chat "
        "template and stop at the base's end tokens, also where an adapter was tuned with others (chat_template.jinja "
        f"and generation_config.json beside its weights); {other}, or a request gives its own stop_token_ids"
    )


def _not_used(inputs: PlanInput) -> Iterator[str]:
    resource = inputs.workspace.resource
    if resource.provisioner and not serves_one_machine(resource.provisioner, inputs.drivers):
        yield f"resource.provisioner {resource.provisioner} is not used on this machine"
    if resource.instance_type:
        yield f"resource.instanceType {resource.instance_type} is not used on this machine"
    if resource.count is not None and resource.count != 1:
        yield f"resource.count {resource.count} is not used on this machine"
    if resource.label_selector is not None or resource.preferred_nodes:
        yield "resource.labelSelector and preferredNodes are not used on this machine"
    if resource.partition is not None:
        yield "resource.partition is not used on this machine"


def _count(inputs: PlanInput, workload: Workload) -> Iterator[str]:
    written = inputs.workspace.resource.count
    if written is not None and written != workload.nodes:
        yield f"resource.count says {written}; {workload.nodes} is what the model needs on {inputs.machine.name}"


def warnings(inputs: PlanInput, workload: Workload) -> tuple[str, ...]:
    """Return sentences to read before agreeing."""
    about_runtime = _about_key(workload) if inputs.target == "kubernetes" else ()
    return (*_about_preset(inputs), *_about_machine(inputs, workload), *workload.warnings, *about_runtime)


def _about_key(workload: Workload) -> Iterator[str]:
    serving = workload.serving
    if serving is not None and not serving.able.api_key:
        yield f"{serving.choice.name} keeps no API key: the Secret {API_KEY.name} has no effect on its Service"


def image_notes(plan: Plan, inputs: PlanInput) -> tuple[str, ...]:
    """Return a sentence for each driver whose image nobody named: the one that is built by default has ours alone."""
    if inputs.target != "kubernetes":
        return ()
    chosen: tuple[tuple[DriverKind, Choice | None, Launch | None], ...] = (
        ("runtime", plan.runtime, plan.serving),
        ("tuner", plan.tuner, plan.tuning),
    )
    lines = (_image(kind, choice.name, launch, inputs) for kind, choice, launch in chosen if choice and launch)
    return tuple(line for line in lines if line)


def _image(kind: DriverKind, name: str, launch: Launch, inputs: PlanInput) -> str:
    role, distribution = launch.main.image, inputs.drivers.distribution(kind, name)
    if role in inputs.settings.images or role in launch.images or not distribution or distribution in distributions():
        return ""
    return (
        f"{kind} {name} runs in the image of the role {role!r}, and no image is named for it; the one that is built by "
        f"default does not hold {distribution}: name one in the setting images.{role}"
    )


def _about_preset(inputs: PlanInput) -> Iterator[str]:
    preset = inputs.preset
    if preset.gated and not inputs.access_secret and preset.source.startswith("hf://"):
        how = "set HF_TOKEN" if inputs.target == "local" else "name presetOptions.modelAccessSecret"
        yield f"{preset.name} is gated: {how}, and accept its licence on the hub"
    if preset.license and preset.license.lower() not in FREE_LICENCES:
        yield f"{preset.name} has the licence {preset.license}: read whether it allows your use"
    if inputs.workspace.tuning is not None and not preset.tunable:
        yield f"{preset.name} is not among the presets that are known to tune well"


def _about_machine(inputs: PlanInput, workload: Workload) -> Iterator[str]:
    machine = inputs.machine
    if machine.retired:
        successor = f" (its successor is {machine.successor})" if machine.successor else ""
        yield f"{machine.retirement}{successor}"
    if inputs.target == "kubernetes":
        for older in dict.fromkeys(older_image(driver, machine) for driver in workload.drivers):
            if older is not None:
                named = is_named(older, inputs.settings.images)
                yield stands_in(older, machine) + ("" if named else f" ({not_named(older)})")
        return
    # On one machine the libraries that are installed decide, and nobody asks them here.
    capability = machine.compute_capability
    declared = (driver.built_for for driver in workload.drivers if driver.built_for is not None)
    lowest = max((built for built in declared if capability and capability < built), default=None)
    if capability is not None and lowest is not None:
        yield (
            f"{machine.gpu_model} has compute capability {_dotted(capability)}: no bfloat16, no flash attention, and "
            f"below {_dotted(lowest)}, the lowest that PyTorch's wheels for CUDA 13 are built for"
        )


def _dotted(capability: tuple[int, int]) -> str:
    return ".".join(map(str, capability))
