"""The world of one Workspace in the lifecycle's words, from caches alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from modelwright.api.status import WorkspaceStatus
from modelwright.api.workspace import Workspace
from modelwright.lifecycle.digest import digest
from modelwright.lifecycle.observed import Observed, Role, Trouble, Workload
from modelwright.plan.nodes import node_request
from modelwright.targets.kubernetes.cluster.resource import PODS
from modelwright.targets.kubernetes.cluster.store import Key
from modelwright.targets.kubernetes.operator.caches import Caches
from modelwright.targets.kubernetes.operator.children import Children, Owner, workload_of
from modelwright.targets.kubernetes.operator.planning import pinned
from modelwright.targets.kubernetes.operator.provisioning import Provisioning
from modelwright.targets.kubernetes.operator.workloads import ABSENT, job_workload, of_workload, serving_workload
from modelwright.values.nodes import NodeRequest
from modelwright.values.plan import Plan


def endpoint_of(workspace: Workspace) -> str:
    """Where the Service answers within the cluster."""
    return f"http://{workspace.name}.{workspace.namespace}.svc.cluster.local"


class Observer:
    """Looks; None everywhere means that something has not been listed yet, and that a pass will be called for."""

    def __init__(self, caches: Caches, children: Children, provisioning: Provisioning) -> None:
        self._caches, self._children, self._provisioning = caches, children, provisioning

    def live(
        self,
        workspace: Workspace,
        plan: Plan | None,
        trouble: Trouble | None,
        status: WorkspaceStatus | None,
        now: datetime,
        *,
        waits: bool = False,
    ) -> Observed | None:
        """What there is of a Workspace that is to be carried out; one that ``waits`` is planned by and by."""
        observed = self._workloads(workspace)
        observed = replace(observed, plan_trouble=trouble, plan_waits=waits, output=_output(workspace))
        if plan is None:
            return observed
        observed = adopted(workspace, plan, observed)
        request = _remembering(plan.nodes, status)
        return self._provisioning.observe(key_of(workspace), plan.provisioner.name, request, observed, now)

    def leaving(self, workspace: Workspace, status: WorkspaceStatus | None, now: datetime) -> Observed | None:
        """What there is of a Workspace that is being deleted; only its record says whom to ask for nodes."""
        found = self._workloads(workspace)
        gone = {role: ABSENT for role, workload in found.workloads() if self._is_leaving(workspace, role)}
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

    def _workloads(self, workspace: Workspace) -> Observed:
        return Observed(
            preflight=self._job(workspace, "preflight"),
            tuning=self._job(workspace, "tuning"),
            serving=self._server(workspace),
        )

    def _job(self, workspace: Workspace, role: Role) -> Workload:
        resource, name = workload_of(role, workspace.name)
        found = self._children.find(owner_of(workspace), resource, name)
        pods = of_workload(self._caches.of(PODS).of(key_of(workspace)), "Job", name)
        return job_workload(found, pods, self._caches.node)

    def _server(self, workspace: Workspace) -> Workload:
        resource, name = workload_of("serving", workspace.name)
        found = self._children.find(owner_of(workspace), resource, name)
        pods = of_workload(self._caches.of(PODS).of(key_of(workspace)), "StatefulSet", name)
        return serving_workload(found, pods, self._caches.node, endpoint_of(workspace))

    def _is_leaving(self, workspace: Workspace, role: Role) -> bool:
        found = self._children.find(owner_of(workspace), *workload_of(role, workspace.name))
        return found is not None and "deletionTimestamp" in found["metadata"]


def owner_of(workspace: Workspace) -> Owner:
    """The Workspace as its children name it."""
    return Owner(workspace.namespace, workspace.name, workspace.metadata.uid or "")


def key_of(workspace: Workspace) -> Key:
    """Its namespace and name."""
    return workspace.namespace, workspace.name


def adopted(workspace: Workspace, plan: Plan, observed: Observed) -> Observed:
    """``observed`` where the server of a template is what was asked for, as soon as there is one.

    It carries no digest, and is created once and never changed (KAITO v0.12).
    """
    if workspace.template is None or plan.serving is None or observed.serving.phase == "absent":
        return observed
    return replace(observed, serving=replace(observed.serving, digest=digest(plan.serving), inputs=plan.inputs))


def _remembering(request: NodeRequest, status: WorkspaceStatus | None) -> NodeRequest:
    found = status.provisioner if status is not None else None
    return replace(request, state=found.state) if found is not None else request


def _output(workspace: Workspace) -> str | None:
    output = workspace.tuning.output if workspace.tuning else None
    if output is None:
        return None
    return output.image or "the volume of tuning.output"
