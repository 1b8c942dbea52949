"""The three driver interfaces: Provisioner, Runtime, Tuner (version 1).

A driver declares what it is by class attributes, and the core asks them: no driver's name decides anything there.
Attributes are read without an instance, so they cannot depend on settings.

A driver's module is the light control half: it imports no torch, transformers, vllm, ray, peft or azure. What it
returns from pure methods is the same for the same arguments; only ``observe``, ``refresh``, ``examine`` and ``act`` may
do I/O.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from llmwright.errors import InvalidWorkspace, Problem
from llmwright.plugins.context import Context
from llmwright.plugins.declarations import AccessRule, Capabilities, Engine, KaitoRule, Names, OlderImage
from llmwright.plugins.demand import Demand
from llmwright.plugins.driver import Driver
from llmwright.values.adapter import Adapter
from llmwright.values.fit import Fit, MemoryTerm
from llmwright.values.instance_type import InstanceType
from llmwright.values.launch import Launch, Process
from llmwright.values.nodes import (
    Finding,
    LivingWorkspace,
    NodeRequest,
    Orphan,
    Outcome,
    Placement,
    ProvisionerAction,
    ProvisionerDecision,
    Watch,
)
from llmwright.values.plan import Choice
from llmwright.values.preset import Preset
from llmwright.values.tuning_data import TuningData

__all__ = [
    "AccessRule",
    "Capabilities",
    "Context",
    "Demand",
    "Driver",
    "Engine",
    "KaitoRule",
    "Names",
    "OlderImage",
    "Provisioner",
    "Runtime",
    "Tuner",
]

_READS_NO_CONFIG = "this method reads no training config", "write its options under tuning.methodConfig"


class Provisioner(Driver):
    """Finds, creates and lets go of machines: ``observe`` → ``decide`` → ``act``; a release asks for 0 nodes."""

    mutable_options: ClassVar[frozenset[str]] = frozenset()
    """Keys of ``provisionerConfig`` that may change while nodes are held."""

    nodes_are_brought: ClassVar[bool] = False
    """Whether it takes nodes that the user brings: no instance type need be named, and shares of a node are allowed."""

    fixed_annotations: ClassVar[frozenset[str]] = frozenset()
    """Annotations of the Workspace that it reads for its nodes. While nodes are held they stay as they were."""

    has_node_classes: ClassVar[bool] = False
    """Whether the annotation ``kaito.sh/node-class-name`` names one of its classes, of those in the settings."""

    node_claims: ClassVar[Watch | None] = None
    """The kind of those objects that stand for one machine each, with a NodeClaim's conditions. It is one of
    ``watches``, and the Workspace's condition ``NodeClaimReady`` is about it; None without such a kind."""

    refresh_timeout_s: ClassVar[float] = 60.0
    """After how many seconds a ``refresh`` or ``examine`` that has not answered counts as failed."""

    def instance_types(self) -> tuple[InstanceType, ...]:
        """Return the machines that this driver alone offers; pure, and without a call.

        Where there are any, they take the place of the catalogue's for Workspaces of this provisioner: in ``check``, in
        ``plan``, and where the machine is chosen by ``auto``.
        """
        return ()

    def settled(self, request: NodeRequest) -> NodeRequest:
        """Return ``request`` with the defaults of the settings in its ``config``; pure.

        The plan records that config. From then on every request carries it, so that another default moves no node.

        Raises:
            InvalidWorkspace: options that cannot be used, as ``configure``.
        """
        return request

    def watches(self) -> tuple[Watch, ...]:
        """Return the kinds whose changes may concern a Workspace.

        Objects that the driver makes are found by a Watch with ``labels``. Before a Workspace goes they are listed once
        more, past all caches: so one that a late watch does not show is given back too.
        """
        return ()

    def refresh(self, scope: str) -> Any:
        """Call a cloud outside the cluster, once for all Workspaces. Return the snapshot that ``observe`` reads.

        A driver that overrides this is given what it returned last: it is called before each decision that follows an
        act, and every half minute, in a thread of its own and never twice at a time. None: ``observe`` reads the
        target's caches. ``scope`` is a namespace; empty for all.

        Raises:
            TargetError: the cloud did not answer; it is asked again with back-off, and not before ``retry_after_s``.
        """

    def examine(self, request: NodeRequest | None) -> Iterable[Finding]:
        """Ask the cloud for what stands in the way of ``request``, and make nothing. None: of any request.

        It is called for people, by ``plan --online`` and by ``doctor``, with the deadline of ``refresh``, and never by
        the operator: there the snapshot of ``refresh`` has what ``decide`` must know before the first act.
        ``context.cluster`` may be None.

        Raises:
            TargetError: the cloud did not answer.
        """
        return ()

    @abstractmethod
    def observe(self, request: NodeRequest, snapshot: Any) -> Any:
        """Return the machines and objects of this request, read only from the target's caches and ``snapshot``."""

    @abstractmethod
    def decide(self, request: NodeRequest, observed: Any, now: datetime) -> ProvisionerDecision:
        """Return the actions to take and the outcome so far; pure.

        Where fewer machines are asked for than are held, those that are ``occupied`` stay. The core asks for fewer only
        once the pods of the others have ended.
        """

    @abstractmethod
    def act(self, action: ProvisionerAction) -> Mapping[str, Any] | None:
        """Carry out one action; idempotent. Where a cloud takes long, start it and return.

        Returns:
            What to remember of it, such as the token of an operation under way: the next request's ``state`` has it,
            and ``decide`` keeps it by returning it. None for nothing. It may get lost, as all state.

        Raises:
            TargetError: the cloud or cluster refused. The reasons ``QuotaExceeded``, ``InsufficientCapacity``,
                ``AuthorizationFailed``, ``InvalidRequest`` and ``InstanceTypeRetired`` need somebody to act; any other
                is tried again with back-off, and not before ``retry_after_s``.
        """

    def placement(self, request: NodeRequest) -> Placement:
        """Return where the workload may run; pure."""
        return Placement(selector=request.selector)

    def orphans(self, living: Sequence[LivingWorkspace], snapshot: Any) -> Iterable[Orphan]:
        """Return the things that this driver created and no Workspace of ``living`` needs.

        Also those of a Workspace that is there, and whose nodes come from elsewhere by the plan in its status. What two
        sweeps name is given back by its actions, where the settings say so.

        Args:
            living: all Workspaces that are there, read after ``snapshot``.
            snapshot: as for ``observe``.

        Raises:
            TargetError: the cloud or cluster refused.
        """
        return ()


class Runtime(Driver):
    """Turns a preset into a serving Launch; pure throughout.

    The Launch has a port named ``http`` on which ``GET /health`` answers 200 once the model answers. The volumes that
    adapters' paths refer to, and ``config``, are declared and mounted by the core.
    """

    capabilities: ClassVar[Capabilities]

    engines: ClassVar[Mapping[str, Engine]] = {}
    """The engines of which it starts one, by name; empty where it is one itself. The capabilities that hold are those
    of the chosen one, and ``capabilities`` are shown where none is chosen."""

    listed_as: ClassVar[str] = ""
    """Its name in the list ``runtimes`` of a preset. On a cluster it is the default for presets that list it; empty for
    a runtime that is not in such lists and judges by ``refuses`` alone."""

    lowest_capability: ClassVar[tuple[int, int] | None] = None
    """The lowest CUDA compute capability on which it runs. It is refused on an older GPU. None for any."""

    feature_gate: ClassVar[str] = ""
    """The feature gate (setting ``featureGates``) that must not be off; empty for none."""

    kaito_rules: ClassVar[frozenset[KaitoRule]] = frozenset()
    """Which of KAITO's rules hold for it."""

    annotations: ClassVar[Mapping[str, str]] = {}
    """Annotations and labels of a Workspace that stand for options: name to key of the open object, which wins."""

    config_section: ClassVar[str] = ""
    """The section of ``inference_config.yaml`` that KAITO's rules judge and ``configure`` reads; empty for none."""

    load_metrics: ClassVar[tuple[str, ...]] = ()
    """The gauges of ``GET /metrics`` on the port ``http`` whose sum is the number of requests that a copy runs or holds
    in its queue, by their names in Prometheus. Autoscalers read them; without any, the user has to name a metric."""

    image_user: ClassVar[tuple[int, int] | None] = None
    """The numbers of the user and the group that its image's programs need; None for any that is not root."""

    serves_as: ClassVar[Watch | None] = None
    """The kind of the object among ``objects`` that runs the Launch in place of the core's StatefulSet, by its name."""

    @classmethod
    def engine(cls, demand: Demand) -> Choice | None:  # noqa: ARG003 - for runtimes that override it
        """Return which of ``engines`` serves ``demand``, and why; None without engines; pure.

        It is asked before options are checked: any value may be among them.
        """
        return None

    def refuses(self, preset: Preset, fit: Fit) -> str | None:
        """Return why this runtime cannot serve ``preset`` on that machine, None where it can."""
        return None

    def check(self, preset: Preset, config: Any) -> Iterable[Problem]:
        """Return problems of a configuration that its server would refuse for this model; pure.

        Their paths are options, relative to ``runtimeConfig``. What is wrong for every model ``configure`` refuses.
        """
        return ()

    def notes(self, preset: Preset, fit: Fit, config: Any) -> tuple[str, ...]:
        """Return sentences for the plan: what the server will not do of what ``preset`` says, and who does it; pure."""
        return ()

    def memory(self, preset: Preset, fit: Fit, config: Any) -> tuple[MemoryTerm, ...]:
        """Return the memory that it needs otherwise than the core reckons, in bytes on one device; pure.

        A term named ``process`` (the program before any tensor), ``weights``, ``activations`` or ``adapters`` takes the
        place of the core's; a term of another name is added. The KV cache is the core's to reckon: it decides the
        context. With terms of its own a runtime of several machines is given as many as they need, not KAITO's number.
        ``fit`` has what the core reckons: machine, dtype, quantisation, parallelism, context and all terms.
        """
        return ()

    def held_adapters(self, adapters: int, config: Any) -> int:
        """Return how many of so many ``adapters`` one copy holds in memory at a time; pure. By default all of them."""
        return adapters

    @abstractmethod
    def launch(self, preset: Preset, fit: Fit, adapters: tuple[Adapter, ...], config: Any) -> Launch:
        """Return the Launch that serves ``preset`` and ``adapters`` under the names of ``served_names``.

        The main process takes ``weights_of(preset).arguments`` whole. On a cluster its ``image`` is a role of the
        runtime's own, which settings map to an image that holds it, or ``images`` of the Launch does.
        """

    def served_names(self, preset: Preset, adapters: tuple[Adapter, ...], config: Any) -> tuple[str, ...]:
        """Return the names that requests may use, the base model's first; pure. The status shows them.

        By default those that ``launch`` is to serve under. A configuration may change them.
        """
        return (preset.name, *(adapter.name for adapter in adapters))

    def objects(self, launch: Launch, names: Names) -> Iterable[Mapping[str, Any]]:
        """Return Kubernetes objects beside or instead of the core's, where a Launch is not enough.

        One of the kind and name of a core's object (the Service ``NAME``, the StatefulSet ``NAME``) takes its place;
        with ``serves_as`` there is no StatefulSet. All are namespaced; owner, namespace and label are the core's.
        """
        return ()

    def watches(self) -> tuple[Watch, ...]:
        """Return the kinds that ``status`` judges. Objects are found by namespace and label ``kaito.sh/workspace``."""
        return ()

    def status(self, manifest: Mapping[str, Any]) -> Outcome | None:
        """Return the state of an object of a kind in ``watches``; None where it does not bear on readiness; pure.

        The server is ready once every object is Ready or None. An object of the kind ``serves_as`` must be Ready.
        """
        return None

    def correction(
        self, server: Mapping[str, Any], manifest: Mapping[str, Any], pods: Sequence[Mapping[str, Any]] = ()
    ) -> Mapping[str, Any] | None:
        """Return the merge patch by which an object of a kind in ``watches`` follows that of ``serves_as``; pure.

        ``pods`` are those of the Workspace: of their ``spec`` the name of the node alone is known.
        """
        return None


class Tuner(Driver):
    """Turns a preset and data into a tuning Launch; pure throughout.

    The data set lies in volume ``data``, the adapter is written to volume ``results`` in peft's layout
    (``adapter_config.json``, ``adapter_model.safetensors``). The core declares both, and ``config``, fetches the
    data and delivers the adapter; the tuner's processes mount them.
    """

    reads_config: ClassVar[bool] = False
    """Whether it reads the training config that ``tuning.config`` names: in ``configure``, or in its process at
    ``data.config_path``. Without it ``configure`` refuses one."""

    quantized: ClassVar[bool | None] = None
    """Whether KAITO's training config must quantise the base model, or must not. None: those rules do not hold."""

    checkpoints: ClassVar[bool] = False
    """Whether a run that was interrupted goes on from a checkpoint in ``results``."""

    writes_generation_config: ClassVar[bool] = False
    """Whether ``generation_config.json`` lies beside the adapter: the base's, with all tokens that end its answers."""

    def configure(self, options: Mapping[str, Any], files: Mapping[str, str]) -> Any:
        """Return ``methodConfig`` as an instance of ``config_model``; pure.

        Raises:
            InvalidWorkspace: problems of the options, or there are ``files`` and ``reads_config`` is not set.
        """
        if files and not self.reads_config:
            raise InvalidWorkspace([Problem(name, *_READS_NO_CONFIG) for name in files])
        return super().configure(options, files)

    def check(self, config: Any) -> Iterable[Problem]:
        """Return problems of a configuration beyond those that ``configure`` refuses."""
        return ()

    def check_files(self, config: Any, read: Callable[[str], str]) -> Iterable[Problem]:
        """Return problems of the text files that a configuration names, with the paths of their options.

        It is asked where the process runs on this machine. ``read`` returns the text of the file that the process would
        open by that name; it raises FileNotFoundError, and ``llmwright.reading.files.Unreadable``.
        """
        return ()

    @abstractmethod
    def memory(self, preset: Preset, config: Any) -> tuple[MemoryTerm, ...]:
        """Return the memory that tuning needs, in bytes on one device."""

    @abstractmethod
    def launch(self, preset: Preset, fit: Fit, data: TuningData, config: Any) -> Launch:
        """Return the Launch that tunes ``preset`` on ``data``."""

    def names_read(self, names: Sequence[str], config: Any) -> Sequence[str] | None:
        """Return those of ``names``, paths below the data set's directory, that are trained on; None for unknown."""
        return None

    def chat_template(self, config: Any) -> str | None:
        """Return the file beside the weights that holds the adapter's own chat template; None for the base's."""
        return None

    def adapter_rank(self, preset: Preset, config: Any) -> int | None:
        """Return the greatest rank of the adapter's matrices, for engines that must be given it; None for unknown."""
        return None

    def inspect(self, preset: Preset, data: TuningData, config: Any) -> Process | None:
        """Return a cheap process that reads volume ``data``. It ends with 2 and one clear line where that is bad."""
        return None

    def sample(self, preset: Preset, data: TuningData, config: Any, rows: int) -> Process | None:
        """Return a cheap process that prints at most ``rows`` rows of volume ``data`` as questions with known answers.

        Each line is a JSON object: ``prompt``, ``completion``, perhaps ``paraphrase``. None: no such rows.
        """
        return None
