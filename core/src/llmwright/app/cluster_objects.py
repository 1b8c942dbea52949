"""The objects that a Workspace becomes on a cluster."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmwright.api.workspace import Workspace
    from llmwright.app.documents import LoadedWorkspace
    from llmwright.app.planner import Planner
    from llmwright.app.session import Session
    from llmwright.plugins.drivers import Provisioner
    from llmwright.targets.kubernetes.manifests import Manifests, RenderInput
    from llmwright.values.nodes import NodeRequest


def cluster_objects(session: Session, planner: Planner, loaded: LoadedWorkspace) -> Manifests:
    """The objects that the operator would apply for ``loaded``, in order, in a cluster that has none of them.

    They are to be looked at: secrets in the URLs of a data set are hidden.

    Raises:
        InvalidWorkspace: it cannot be accepted.
        PluginError: a driver that it needs is missing or broken.
    """
    from llmwright.targets.kubernetes.manifests import all_objects
    from llmwright.values.url_secrets import without_url_secrets

    if loaded.workspace.template is not None:
        return _of_template(session, planner.checker.accept(loaded).workspace)
    planned = planner.plan_loaded(loaded)
    plan = planned.plan
    provisioner = session.drivers.provisioner(plan.provisioner.name)
    shown = without_url_secrets(planned.workspace)
    rendering = replace(_rendering(session, shown, provisioner, plan.nodes, plan.inputs), fits=plan.fits)
    if plan.runtime is not None:
        rendering = replace(rendering, runtime=session.drivers.runtime(plan.runtime.name))
    return (*_nodes(provisioner, plan.nodes), *all_objects(session.registry.hooks(), rendering, plan))


def _of_template(session: Session, workspace: Workspace) -> Manifests:
    from llmwright.plan.node_requests import template_nodes
    from llmwright.plugins.selection import choose_provisioner
    from llmwright.targets.kubernetes.manifests import run_manifests_hook, template_objects

    nodes = template_nodes(workspace, session.catalogue, session.settings)
    choice = choose_provisioner(workspace, session.settings, "kubernetes", session.driver_set)
    provisioner = session.drivers.provisioner(choice.name)
    rendering = _rendering(session, workspace, provisioner, nodes)
    objects = run_manifests_hook(session.registry.hooks(), rendering, None, template_objects(rendering, nodes.count))
    return (*_nodes(provisioner, nodes), *objects)


def _nodes(provisioner: Provisioner, request: NodeRequest) -> Manifests:
    from llmwright.targets.kubernetes.manifests import node_objects

    return node_objects(provisioner, request, datetime.now(UTC))


def _rendering(
    session: Session, workspace: Workspace, provisioner: Provisioner, nodes: NodeRequest, inputs: str = ""
) -> RenderInput:
    from llmwright.targets.kubernetes.manifests import RenderInput

    placement = provisioner.placement(nodes)
    return RenderInput(workspace=workspace, settings=session.settings, placement=placement, inputs=inputs)
