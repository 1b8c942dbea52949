"""``make_plan``: the one way from a Workspace to a Plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

from llmwright.api.instance_type_field import is_auto, listed_types
from llmwright.api.scaling import most_copies_field
from llmwright.api.served_name import served_name
from llmwright.api.workspace import MOST_NODES, Workspace
from llmwright.catalogue.catalogue import Catalogue
from llmwright.errors import ConfigError, InvalidWorkspace, LLMwrightError
from llmwright.plan.adapters import GENERATION_CONFIG, MountedAdapter, tuned_adapter
from llmwright.plan.argument_sizes import refuse_long_arguments
from llmwright.plan.cost import cost_of, enforce_limits, scaling_range
from llmwright.plan.digest import inputs_digest, read_names
from llmwright.plan.explanation import created, fallback_notes, image_notes, notes, used, warnings
from llmwright.plan.fixed_fields import fixed_of
from llmwright.plan.launches import preflight_launch, served_names, serving_launch, tuning_launch
from llmwright.plan.machine_choice import MachineChoice, named_machine, written_choice
from llmwright.plan.machine_ranking import (
    RankingInput,
    best_machine,
    fewer_machines,
    first_machine,
    machines_that_do,
    with_better_machine,
)
from llmwright.plan.node_requests import node_request, settled_request
from llmwright.plan.plan_input import PlanInput, preset_spec
from llmwright.plan.refusal import refuse
from llmwright.plan.remote_code import with_allowed_code
from llmwright.plan.tuning_data import tuning_data
from llmwright.plan.workload import Workload, choose_workload
from llmwright.plugins.driver_set import DriverSet
from llmwright.plugins.selection import choose_provisioner
from llmwright.settings.model import Settings
from llmwright.values.instance_type import InstanceType
from llmwright.values.plan import Plan, ScalingRange, Target
from llmwright.values.preset import Preset
from llmwright.values.tuning_data import TuningData


def make_plan(
    workspace: Workspace,
    *,
    catalogue: Catalogue,
    drivers: DriverSet,
    settings: Settings,
    target: Target,
    machine: InstanceType | None = None,
    config_files: Mapping[str, Mapping[str, str]] | None = None,
    nodes: int | None = None,
    api_key: bool = False,
    data_names: tuple[str, ...] | None = None,
    adapter_ranks: Mapping[str, int] | None = None,
) -> Plan:
    """Everything decided before anything is created; the same for the same arguments.

    Args:
        workspace: admitted by ``check``; paths and ``file:`` URLs in it are absolute.
        catalogue: holds the preset, a model of the hub included (``Catalogue.with_presets``).
        machine: what is judged against: this machine on ``local``; on ``kubernetes`` what labels of ready nodes say,
            None where there are none to look at.
        config_files: for each config by name, file contents by file name.
        nodes: the number of machines where that was decided before (``status.targetNodeCount``) and does not move.
        api_key: requests must carry a key.
        data_names: the files of the data set, by path below its directory; None where they are not known.
        adapter_ranks: the ranks of adapters by name, as far as they are known.

    Raises:
        InvalidWorkspace: it cannot run as written, with the place in the YAML and every reason.
        LimitExceeded: a company's limit forbids it.
        NotYet: nodes must be there first to judge by.
        PluginError: a driver that is named is missing or broken.
    """
    files = config_files or {}
    question = _Question(
        workspace, catalogue, drivers, settings, target, files, nodes, api_key, data_names, adapter_ranks or {}
    )
    asked, choice = question.ranking, _choice(question, machine)
    inputs = question.inputs_on(choice)
    workload = _workload(inputs, catalogue, asked)
    if workload.most_nodes > MOST_NODES:
        message = f"{workload.most_nodes} nodes would be needed, and one Workspace may have {MOST_NODES}"
        raise refuse(most_copies_field(workspace), message, "write fewer replicas", "OutOfRange")
    enforce_limits(asked.limits, choice.machine, workload.most_nodes, workspace, workload.scaling.each)
    plan = _plan(inputs, choice, workload)
    if inputs.names_machine and any(fit.nodes > 1 for _, fit in workload.fits):
        fewer = fewer_machines(choice.machine, workload.nodes, catalogue.instance_types(settings.cloud), asked)
        plan = replace(plan, warnings=(*plan.warnings, *fewer))
    refuse_long_arguments(plan, "tuning" if workspace.tuning else "inference")
    return plan


def machines_for(
    workspace: Workspace,
    *,
    catalogue: Catalogue,
    drivers: DriverSet,
    settings: Settings,
    config_files: Mapping[str, Mapping[str, str]] | None = None,
) -> str:
    """Return a sentence about the machines of the settings' cloud that would do; empty where none would.

    The arguments are those of ``make_plan``.
    """
    try:
        question = _Question(workspace, catalogue, drivers, settings, "kubernetes", config_files or {})
        return machines_that_do(catalogue.instance_types(settings.cloud), question.ranking)
    except LLMwrightError:
        return ""


@dataclass(frozen=True)
class _Question:
    """The arguments of ``make_plan``, from which a workload on one type of machine follows."""

    workspace: Workspace
    catalogue: Catalogue
    drivers: DriverSet
    settings: Settings
    target: Target
    config_files: Mapping[str, Mapping[str, str]]
    nodes: int | None = None
    api_key: bool = False
    data_names: tuple[str, ...] | None = None
    adapter_ranks: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def preset(self) -> Preset:
        preset = _preset(self.workspace, self.catalogue)
        return with_allowed_code(preset, self.workspace, self.drivers, self.settings, self.config_files)

    @cached_property
    def ranking(self) -> RankingInput:
        return RankingInput(
            preset=self.preset,
            workload_on=lambda candidate: choose_workload(self.inputs_on(MachineChoice(candidate))),
            limits=self.settings.limits_of(self.workspace.namespace),
            namespace=self.workspace.namespace,
            images=self.settings.images,
        )

    def inputs_on(self, choice: MachineChoice) -> PlanInput:
        return PlanInput(
            workspace=self.workspace,
            preset=self.preset,
            machine=choice.machine,
            drivers=self.drivers,
            settings=self.settings,
            target=self.target,
            config_files=self.config_files,
            single_device=choice.single_device,
            settled_nodes=self.nodes,
            api_key=self.api_key,
            data_names=self.data_names,
            adapter_ranks=self.adapter_ranks,
        )


def _choice(question: _Question, machine: InstanceType | None) -> MachineChoice:
    """Return the machine that is written, the best one for `auto`, and where nothing is written that which there is."""
    workspace, catalogue, settings = question.workspace, question.catalogue, question.settings
    written = written_choice(workspace, settings, question.target)
    if is_auto(written):
        return best_machine(catalogue.instance_types(settings.cloud), question.ranking)
    if written:
        find = partial(catalogue.find_instance_type, cloud=settings.cloud)
        return first_machine(listed_types(written), find, question.ranking)
    return named_machine(workspace, catalogue, settings, question.target, machine)


def _workload(inputs: PlanInput, catalogue: Catalogue, asked: RankingInput) -> Workload:
    try:
        return choose_workload(inputs)
    except InvalidWorkspace as error:
        if not inputs.names_machine:
            raise
        candidates = catalogue.instance_types(inputs.settings.cloud)
        raise with_better_machine(error, candidates, asked) from error


def _preset(workspace: Workspace, catalogue: Catalogue) -> Preset:
    path = "tuning.preset.name" if workspace.tuning else "inference.preset.name"
    spec = preset_spec(workspace)
    if spec is None:
        raise refuse(path.removesuffix(".name"), "no preset is named", "templates are run as they are, without a plan")
    try:
        preset = catalogue.preset(spec.name)
    except ConfigError as error:
        raise refuse(path, error.message, error.hint, error.reason) from error
    return replace(preset, source=f"oci://{spec.own_image}") if spec.own_image else preset


def _plan(inputs: PlanInput, choice: MachineChoice, workload: Workload) -> Plan:
    workspace, tuning = inputs.workspace, inputs.workspace.tuning
    data = tuning_data(tuning) if tuning else None
    adapters = _mounted_adapters(inputs, workload, data)
    served = replace(inputs.preset, name=served_name(workspace, inputs.preset.name))
    serving = workload.serving
    provisioner = choose_provisioner(workspace, inputs.settings, inputs.target, inputs.drivers)
    request = node_request(
        workspace,
        inputs.machine,
        workload.nodes if inputs.target == "kubernetes" else 1,
        disk_bytes=inputs.preset.disk_bytes,
    )
    plan = Plan(
        workspace=workspace.name,
        namespace=workspace.namespace,
        inputs=inputs_digest(workspace, inputs.config_files, read_names(inputs.drivers)),
        target=inputs.target,
        preset=inputs.preset.name,
        provisioner=provisioner,
        runtime=serving.choice if serving else None,
        tuner=workload.tuned.choice if workload.tuned else None,
        instance_type=choice.choice,
        ranking=choice.ranking,
        alternatives=choice.alternatives,
        nodes=settled_request(request, provisioner.name, inputs.drivers),
        fits=workload.fits,
        serving=serving_launch(inputs, served, serving, adapters) if serving else None,
        served_names=served_names(served, serving, adapters) if serving else (),
        cost=cost_of(inputs.machine, workload.nodes),
        scaling=_scaling(inputs, workload),
        warnings=warnings(inputs, workload),
        notes=(*notes(inputs, workload), *choice.notes, *fallback_notes(choice.alternatives)),
        fixed=fixed_of(workspace, provisioner.name, inputs.drivers) if inputs.target == "kubernetes" else {},
    )
    if tuning and data and workload.tuned:
        plan = replace(
            plan,
            preflight=preflight_launch(inputs, tuning, workload.tuned, data),
            tuning=tuning_launch(inputs, tuning, workload.tuned, data),
        )
    return _with_objects(plan, inputs, workload, data)


def _with_objects(plan: Plan, inputs: PlanInput, workload: Workload, data: TuningData | None) -> Plan:
    """Return a whole plan with what it makes, and with notes about what it uses."""
    chosen, serving = inputs.drivers.find_provisioner(plan.provisioner.name), workload.serving
    brought = inputs.target == "kubernetes" and chosen is not None and chosen.nodes_are_brought
    uses = used(plan) if brought else ()
    resumes = workload.tuned is not None and workload.tuned.tuner.checkpoints
    own_kind = serving.runtime.serves_as if serving else None
    return replace(
        plan,
        creates=created(plan, data, brought=brought, checkpoints=resumes, serves_as=own_kind),
        notes=(*uses, *plan.notes, *image_notes(plan, inputs)),
    )


def _scaling(inputs: PlanInput, workload: Workload) -> ScalingRange | None:
    scaling = workload.scaling
    if inputs.target == "local" and not scaling.held:
        return None  # One copy is served there.
    nodes = (1, 1) if inputs.target == "local" else (scaling.least_nodes, scaling.most_nodes)
    return scaling_range(inputs.workspace, inputs.machine, nodes, by_runtime=scaling.held)


def _mounted_adapters(inputs: PlanInput, workload: Workload, data: TuningData | None) -> tuple[MountedAdapter, ...]:
    if data is None:
        return workload.adapters
    if workload.serving is None or workload.tuned is None:
        return ()
    tuned, tuner = workload.tuned, workload.tuned.tuner
    rank = tuner.adapter_rank(inputs.preset, tuned.config)
    ends = tuner.writes_generation_config
    template = workload.own_template
    # A runtime with a template for each adapter finds an answer's end by that, without the file.
    reads_ends = ends and not workload.serving.able.adapter_templates
    expects = (*((template,) if template else ()), *((GENERATION_CONFIG,) if reads_ends else ()))
    return (tuned_adapter(inputs, data, template, generation_config=ends, rank=rank, expects=expects),)
