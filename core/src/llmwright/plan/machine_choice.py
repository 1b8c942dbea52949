"""The machine of a Plan that needs no choosing: this machine, the named type, existing nodes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from llmwright.api.instance_type_field import leaves_choice
from llmwright.api.versions import V1ALPHA1, V1ALPHA1_INSTANCE_TYPE
from llmwright.api.workspace import Partition, Workspace
from llmwright.catalogue.catalogue import Catalogue
from llmwright.catalogue.node_labels import PRESENT, mig_slice
from llmwright.errors import ConfigError, NotYet
from llmwright.plan.refusal import refuse
from llmwright.settings.model import Settings
from llmwright.values.instance_type import InstanceType
from llmwright.values.plan import Choice, MachineRanking, Target


@dataclass(frozen=True, slots=True)
class MachineChoice:
    """A machine and why; ``single_device`` for a slice of a GPU, ``ranking`` where others were compared.

    ``alternatives`` are the types to try next where the cloud has none of this one.
    """

    machine: InstanceType
    choice: Choice | None = None
    single_device: bool = False
    notes: tuple[str, ...] = ()
    ranking: MachineRanking | None = None
    alternatives: tuple[str, ...] = ()


def written_choice(workspace: Workspace, settings: Settings, target: Target) -> str:
    """Return ``auto`` or the list of instance types in the Workspace, else in the settings; empty for no choice."""
    written = workspace.resource.instance_type or settings.instance_type or ""
    return written if target != "local" and leaves_choice(written) else ""


def named_machine(
    workspace: Workspace, catalogue: Catalogue, settings: Settings, target: Target, machine: InstanceType | None
) -> MachineChoice:
    """The machine that needs no choosing.

    Args:
        machine: this machine on ``local``; on ``kubernetes`` what the labels of ready nodes say, which override the
            catalogue.

    Raises:
        InvalidWorkspace: an instance type or partition that is not known.
        NotYet: no instance type is named, and no node is there to judge by.
    """
    if target == "local":
        return MachineChoice(_this(machine), Choice(name="this machine", why="the target is local"))
    written = workspace.resource.instance_type or settings.instance_type or ""
    if machine is not None:
        why = "the labels of its nodes say so" if not written else "its nodes' labels override the catalogue"
        name = written or machine.gpu_model or machine.name
        return _partitioned(MachineChoice(machine, Choice(name=name, why=why)), workspace)
    if not written:
        partition = workspace.resource.partition
        if partition is not None and partition.mode == "mig":
            return _partitioned(MachineChoice(InstanceType(name="", cloud="node"), None), workspace)
        raise NotYet(
            "no ready nodes found, unable to determine GPU configuration",
            hint=(
                "describe the nodes with `--env FILE`, or label them: with NVIDIA's GPU feature discovery, or with "
                f"{PRESENT}=false where they have no GPU"
            ),
            reason="NoReadyNodes",
        )
    why = "the Workspace names it" if workspace.resource.instance_type else "the settings name it"
    if workspace.api_version == V1ALPHA1 and written == V1ALPHA1_INSTANCE_TYPE:
        why = "the Workspace names it, or leaves it to kaito.sh/v1alpha1, whose default it is"
    return _partitioned(MachineChoice(_known(written, catalogue, settings), Choice(name=written, why=why)), workspace)


def _this(machine: InstanceType | None) -> InstanceType:
    if machine is None:
        raise TypeError("the target local needs a machine")
    return machine


def _known(name: str, catalogue: Catalogue, settings: Settings) -> InstanceType:
    try:
        return catalogue.instance_type(name, settings.cloud)
    except ConfigError as error:
        message = f"{error.message} on {settings.cloud}: its GPUs are not known"
        raise refuse("resource.instanceType", message, error.hint, error.reason) from error


def _partitioned(site: MachineChoice, workspace: Workspace) -> MachineChoice:
    partition = workspace.resource.partition
    if partition is None:
        return site
    if partition.mode == "mig":
        return _slice(site, partition)
    count, machine = partition.count or 1, site.machine
    if count > machine.gpus:
        message = f"partition.count ({count}) exceeds GPUs available on node ({machine.gpus})"
        raise refuse("resource.partition.count", message)
    left = machine.gpus - count
    notes = (f"{left} of {machine.gpus} GPUs of the node are left to others",) if left else ()
    return replace(site, machine=replace(machine, gpus=count), notes=notes)


def _slice(site: MachineChoice, partition: Partition) -> MachineChoice:
    try:
        machine = mig_slice(partition.profile)
    except ConfigError as error:
        raise refuse("resource.partition.profile", error.message, error.hint, error.reason) from error
    cut = replace(machine, compute_capability=site.machine.compute_capability, price=site.machine.price)
    why = "resource.partition names the slice"
    return MachineChoice(cut, Choice(name=partition.profile, why=why), single_device=True)
