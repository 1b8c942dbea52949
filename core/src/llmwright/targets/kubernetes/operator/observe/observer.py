"""The world of one Workspace in the lifecycle's words, from caches alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from llmwright.api.scaling import autoscaling_of
from llmwright.api.status import WorkspaceStatus
from llmwright.api.workspace import Workspace
from llmwright.lifecycle.observed import Autoscaler, Observed, Role, Trouble, Workload
from llmwright.plan.node_requests import node_request
from llmwright.targets.kubernetes.cluster.api_resources import AUTOSCALERS, PODS, SCALED_OBJECTS
from llmwright.targets.kubernetes.cluster.object_cache import Key
from llmwright.targets.kubernetes.manifests.object_metadata import WORKSPACE_LABEL
from llmwright.targets.kubernetes.manifests.progress_port import tells_download
from llmwright.targets.kubernetes.operator.cache.children import Children
from llmwright.targets.kubernetes.operator.cache.owner_reference import Owner
from llmwright.targets.kubernetes.operator.cache.projection import is_ready
from llmwright.targets.kubernetes.operator.cache.provisioner_snapshot import ClusterSnapshot
from llmwright.targets.kubernetes.operator.memory import Planned
from llmwright.targets.kubernetes.operator.observe.autoscaler_state import autoscaler_state
from llmwright.targets.kubernetes.operator.observe.event_causes import explained
from llmwright.targets.kubernetes.operator.observe.occupied_nodes import sparing
from llmwright.targets.kubernetes.operator.observe.pod_causes import (
    is_about,
    mounts_no_image,
    pressure_behind,
    with_mount_cause,
)
from llmwright.targets.kubernetes.operator.observe.pod_progress import PodProgress
from llmwright.targets.kubernetes.operator.observe.server_status import ServerStatus
from llmwright.targets.kubernetes.operator.observe.workloads import ABSENT, job_workload, of_workload, servers_pods
from llmwright.targets.kubernetes.operator.pass_subject import PassSubject
from llmwright.targets.kubernetes.operator.plans.pinning import pinned
from llmwright.targets.kubernetes.operator.provision.provisioning import DELETION, Provisioning
from llmwright.values.launch import Launch
from llmwright.values.node_object import node_object
from llmwright.values.nodes import NodeRequest, Ready
from llmwright.values.plan import Plan

ImageTrouble = Callable[[Key, Plan], Trouble | None]

AUTOSCALER_KINDS = (AUTOSCALERS, SCALED_OBJECTS)


class Observer:
    """Returns None where something has not been listed yet; a pass is called for once it is."""

    def __init__(
        self,
        children: Children,
        snapshot: ClusterSnapshot,
        provisioning: Provisioning,
        image_trouble: ImageTrouble,
        progress: PodProgress,
        mounts: Callable[[Launch], bool],
    ) -> None:
        """``image_trouble`` is what stands against the images of a Workspace's plan; ``mounts`` tells whose pods mount
        an image.
        """
        self._children, self._snapshot, self._provisioning = children, snapshot, provisioning
        self._image_trouble, self._progress, self._mounts = image_trouble, progress, mounts
        self._server_status = ServerStatus(children, snapshot)

    def live(self, subject: PassSubject, planned: Planned) -> Observed | None:
        """Observe a Workspace that is not being deleted. Without a Plan no provisioner is asked."""
        if not self._children.listed(subject.kinds):
            return None
        plan = planned.plan
        # Before anything is bought for a server that could not be made.
        first = subject.status is None or subject.status.plan is None
        unserved = self._server_status.unserved(subject.runtime) if first else None
        observed = replace(
            self._workloads(subject, plan.nodes.count if plan is not None else None),
            plan_trouble=planned.trouble or unserved,
            plan_waits=planned.fresh or (planned.trouble is None and unserved is not None),
            newer_plan=planned.newer,
            refused_today=planned.refused,
            output=_output(subject.workspace),
            pod_labels=f"{WORKSPACE_LABEL}={subject.workspace.name}",
            autoscaler=self._autoscaler(subject),
        )
        if plan is None:
            return observed
        observed = adopted(subject.workspace, plan, observed)
        server = self._fetching(subject, observed.serving, plan.serving)
        observed = replace(observed, serving=server, image_trouble=self._image_trouble(subject.key, plan))
        request = self._sparing(subject, replace(plan.nodes, inputs=plan.inputs), observed.serving)
        with_nodes = self._ask_provisioner(subject, plan.provisioner.name, request, observed)
        if with_nodes is None:
            return None
        return self._told_of_mounts(subject, plan, self._explained(with_nodes))

    def leaving(self, subject: PassSubject) -> Observed | None:
        """Observe a Workspace that is being deleted. Only the plan on record says which provisioner to ask."""
        if not self._children.listed(subject.kinds):
            return None
        observed = self._workloads(subject, None)
        gone = {role: ABSENT for role, _ in observed.workloads() if self._is_leaving(subject.owner, role)}
        observed = replace(observed, deleting=True, **gone)  # type: ignore[arg-type]
        workspace, record = subject.workspace, subject.status.plan if subject.status is not None else None
        if record is None:
            return observed
        count = (subject.status.target_node_count if subject.status else None) or record.nodes
        request = node_request(pinned(workspace, record), None, count)
        request = replace(
            request,
            instance_type_name=request.instance_type_name or record.instance_type or "",
            inputs=DELETION,
            config={**workspace.resource.provisioner_config, **record.options},
        )
        return self._ask_provisioner(subject, record.provisioner, request, observed)

    def _ask_provisioner(
        self, subject: PassSubject, name: str, request: NodeRequest, observed: Observed
    ) -> Observed | None:
        request = _with_state(request, subject.status)
        return self._provisioning.observe(subject.key, name, request, observed, subject.now)

    def _sparing(self, subject: PassSubject, request: NodeRequest, server: Workload) -> NodeRequest:
        """Return ``request``, with the nodes that still have pods of the Workspace."""
        stays = server.asked if server.autoscaled and server.asked is not None else request.count
        held = subject.status.worker_nodes if subject.status is not None else ()
        return sparing(request, self._children.of(PODS).of(subject.key), self._snapshot.node, held, stays)

    def _explained(self, observed: Observed) -> Observed:
        """Give the pressure of its nodes as the reason, where that is what keeps pods out."""
        outcome = observed.provision.outcome if observed.provision is not None else None
        waiting = {role: workload for role, workload in observed.workloads() if workload.reason == "Unschedulable"}
        if not waiting or not isinstance(outcome, Ready):
            return observed
        live = (self._snapshot.node(node.name) for node in outcome.nodes)
        nodes = [node_object(node) for node in live if node is not None]
        explained_workloads = {
            role: replace(workload, reason=pressure_behind(workload.message, nodes) or workload.reason)
            for role, workload in waiting.items()
        }
        return replace(observed, **explained_workloads)  # type: ignore[arg-type]

    def _told_of_mounts(self, subject: PassSubject, plan: Plan, observed: Observed) -> Observed:
        """Say of a pod that cannot start and mounts an image where its node can mount none."""
        launches: dict[Role, Launch | None] = {"tuning": plan.tuning, "serving": plan.serving}
        told = {}
        for role, workload in observed.workloads():
            launch = launches.get(role)
            if mounts_no_image(workload.reason, workload.message) and launch is not None and self._mounts(launch):
                pods = [pod for pod in self._children.of(PODS).of(subject.key) if is_about(workload.message, pod)]
                names = {pod["spec"].get("nodeName") for pod in pods}
                nodes = {name: self._snapshot.node(name) for name in sorted(filter(None, names))}
                told[role] = replace(workload, message=with_mount_cause(workload.message, nodes))
        return replace(observed, **told) if told else observed  # type: ignore[arg-type]

    def _workloads(self, subject: PassSubject, wanted: int | None) -> Observed:
        return Observed(
            preflight=self._job(subject.owner, "preflight", subject.reported("PreflightSucceeded")),
            tuning=self._tuning(subject),
            serving=self._server_status.of(subject, wanted),
        )

    def _tuning(self, subject: PassSubject) -> Workload:
        """Return the tuning Job; one that runs with what its pod told of its progress, else with what is on record."""
        workload = self._job(subject.owner, "tuning", subject.reported("JobStarted"))
        if workload.phase != "running":
            return workload
        pods = of_workload(self._children.of(PODS).of(subject.key), "Job", subject.owner.workload("tuning")[1])
        told = self._progress.of(subject.key, "tuning", pods)
        before = subject.status.progress if subject.status is not None else None
        return replace(workload, progress=told.progress or before, download=told.download)

    def _fetching(self, subject: PassSubject, server: Workload, launch: Launch | None) -> Workload:
        """Return a server that starts with what its pod told of the weights that it fetches."""
        unasked = launch is None or subject.workspace.template is not None or not tells_download(launch)
        if server.phase != "pending" or unasked:
            return server
        pods = servers_pods(self._children.of(PODS).of(subject.key))
        told = self._progress.of(subject.key, "serving", (pod for pod in pods if not is_ready(pod)))
        return replace(server, download=told.download)

    def _job(self, owner: Owner, role: Role, before: str) -> Workload:
        resource, name = owner.workload(role)
        pods = of_workload(self._children.of(PODS).of(owner.key), "Job", name)
        live = self._children.find(owner, resource, name)
        return explained(job_workload(live, pods, self._snapshot.node, before), live, pods, self._children.events)

    def _autoscaler(self, subject: PassSubject) -> Autoscaler | None:
        """Return the state of the one that is asked for, once it is there."""
        owner = subject.owner
        if autoscaling_of(subject.workspace) is None:
            return None
        there = (self._children.find(owner, kind, owner.name) for kind in AUTOSCALER_KINDS if kind in owner.kinds)
        return next((autoscaler_state(live) for live in there if live is not None), None)

    def _is_leaving(self, owner: Owner, role: Role) -> bool:
        live = self._children.find(owner, *owner.workload(role))
        return live is not None and "deletionTimestamp" in live["metadata"]


def adopted(workspace: Workspace, plan: Plan, observed: Observed) -> Observed:
    """Return ``observed`` where the server of a template, once there is one, counts as the one that is planned.

    A template has no Launch to be known by; what its server was rendered from is. A server of KAITO's carries neither.
    """
    server = observed.serving
    if workspace.template is None or plan.serving is None or server.phase == "absent":
        return observed
    return replace(observed, serving=replace(server, digest=plan.serving.digest, inputs=server.inputs or plan.inputs))


def _with_state(request: NodeRequest, status: WorkspaceStatus | None) -> NodeRequest:
    """Return ``request`` with what its provisioner had recorded in the status."""
    record = status.provisioner if status is not None else None
    return replace(request, state=record.state) if record is not None else request


def _output(workspace: Workspace) -> str | None:
    output = workspace.tuning.output if workspace.tuning else None
    if output is None:
        return None
    return output.image or "the volume of tuning.output"
