"""The world of one Workspace in the lifecycle's words, from caches alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from llmwright.api.status import WorkspaceStatus
from llmwright.api.workspace import Workspace
from llmwright.lifecycle.observed import Observed, Role, Trouble, Workload
from llmwright.plan.node_requests import node_request
from llmwright.plugins.drivers import Runtime
from llmwright.targets.kubernetes.cluster.api_resources import PODS, Resource
from llmwright.targets.kubernetes.cluster.object_cache import Key
from llmwright.targets.kubernetes.operator.apply.children import Children, Owner
from llmwright.targets.kubernetes.operator.cache.informers import Caches
from llmwright.targets.kubernetes.operator.observe.event_causes import explained
from llmwright.targets.kubernetes.operator.observe.pod_causes import pressure_behind
from llmwright.targets.kubernetes.operator.observe.runtime_status import Judge, kinds_of, server_of
from llmwright.targets.kubernetes.operator.observe.workloads import ABSENT, job_workload, of_workload
from llmwright.targets.kubernetes.operator.plans.plans import pinned
from llmwright.targets.kubernetes.operator.provision.provisioning import Provisioning
from llmwright.values.node_object import node_object
from llmwright.values.nodes import NodeRequest, Ready
from llmwright.values.plan import Plan


def endpoint_of(owner: Owner) -> str:
    """Where the Service answers within the cluster."""
    return f"http://{owner.name}.{owner.namespace}.svc.cluster.local"


class Observer:
    """Looks; None everywhere means that something has not been listed yet, and that a pass will be called for."""

    def __init__(self, caches: Caches, children: Children, provisioning: Provisioning) -> None:
        self._caches, self._children, self._provisioning = caches, children, provisioning
        self._judge = Judge(caches, children)

    def live(
        self,
        workspace: Workspace,
        plan: Plan | None,
        trouble: Trouble | None,
        status: WorkspaceStatus | None,
        now: datetime,
        *,
        waits: bool = False,
        runtime: Runtime | None = None,
    ) -> Observed | None:
        """What there is of a Workspace that is to be carried out; one that ``waits`` is planned by and by."""
        owner = owner_of(workspace, status, runtime)
        if not self._caches.listed(owner.kinds | kinds_of(runtime)):
            return None
        observed = self._workloads(owner, runtime)
        observed = replace(observed, plan_trouble=trouble, plan_waits=waits, output=_output(workspace))
        if plan is None:
            return observed
        observed = adopted(workspace, plan, observed)
        request = _remembering(plan.nodes, status)
        found = self._provisioning.observe(key_of(workspace), plan.provisioner.name, request, observed, now)
        return self._explained(found) if found is not None else None

    def leaving(
        self, workspace: Workspace, status: WorkspaceStatus | None, now: datetime, runtime: Runtime | None = None
    ) -> Observed | None:
        """What there is of a Workspace that is being deleted; only its record says whom to ask for nodes."""
        owner = owner_of(workspace, status, runtime)
        if not self._caches.listed(owner.kinds | kinds_of(runtime)):
            return None
        found = self._workloads(owner, runtime)
        gone = {role: ABSENT for role, workload in found.workloads() if self._is_leaving(owner, role)}
        observed = replace(found, deleting=True, **gone)  # type: ignore[arg-type]
        record = status.plan if status is not None else None
        if record is None:
            return observed
        count = (status.target_node_count if status else None) or record.nodes
        request = replace(
            node_request(pinned(workspace, record), None, count),
            instance_type_name=workspace.resource.instance_type or record.instance_type or "",
        )
        request = _remembering(request, status)
        return self._provisioning.observe(key_of(workspace), record.provisioner, request, observed, now)

    def _explained(self, observed: Observed) -> Observed:
        """``observed`` with a pressure of its nodes for a reason, where that is what keeps pods out."""
        outcome = observed.provision.outcome if observed.provision is not None else None
        out = {role: found for role, found in observed.workloads() if found.reason == "Unschedulable"}
        if not out or not isinstance(outcome, Ready):
            return observed
        live = (self._caches.node(node.name) for node in outcome.nodes)
        nodes = [node_object(found) for found in live if found is not None]
        told = {
            role: replace(found, reason=pressure_behind(found.message, nodes) or found.reason)
            for role, found in out.items()
        }
        return replace(observed, **told)  # type: ignore[arg-type]

    def _workloads(self, owner: Owner, runtime: Runtime | None) -> Observed:
        return Observed(
            preflight=self._job(owner, "preflight"),
            tuning=self._job(owner, "tuning"),
            serving=self._judge.server(owner, runtime, endpoint_of(owner)),
        )

    def _job(self, owner: Owner, role: Role) -> Workload:
        resource, name = owner.workload(role)
        pods = of_workload(self._caches.of(PODS).of(owner.key), "Job", name)
        found = self._children.find(owner, resource, name)
        return explained(job_workload(found, pods, self._caches.node), found, pods, self._caches.said)

    def _is_leaving(self, owner: Owner, role: Role) -> bool:
        found = self._children.find(owner, *owner.workload(role))
        return found is not None and "deletionTimestamp" in found["metadata"]


def owner_of(workspace: Workspace, status: WorkspaceStatus | None, runtime: Runtime | None = None) -> Owner:
    """The Workspace as its children name it."""
    kinds = {Resource.parse(text) for text in (status.object_kinds if status is not None else [])} - {None}
    uid, server = workspace.metadata.uid or "", server_of(runtime)
    return Owner(workspace.namespace, workspace.name, uid, server, frozenset(kind for kind in kinds if kind))


def key_of(workspace: Workspace) -> Key:
    """Its namespace and name."""
    return workspace.namespace, workspace.name


def adopted(workspace: Workspace, plan: Plan, observed: Observed) -> Observed:
    """``observed`` where the server of a template is what was asked for, as soon as there is one.

    It carries no digest, and is created once and never changed (KAITO v0.12).
    """
    if workspace.template is None or plan.serving is None or observed.serving.phase == "absent":
        return observed
    return replace(observed, serving=replace(observed.serving, digest=plan.serving.digest, inputs=plan.inputs))


def _remembering(request: NodeRequest, status: WorkspaceStatus | None) -> NodeRequest:
    found = status.provisioner if status is not None else None
    return replace(request, state=found.state) if found is not None else request


def _output(workspace: Workspace) -> str | None:
    output = workspace.tuning.output if workspace.tuning else None
    if output is None:
        return None
    return output.image or "the volume of tuning.output"
