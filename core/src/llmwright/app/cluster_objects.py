"""What a Workspace would become on a cluster."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from llmwright.api.workspace import Workspace
    from llmwright.app.documents import Written
    from llmwright.app.preparation import Preparation
    from llmwright.app.session import Session
    from llmwright.plugins.drivers import Provisioner, Runtime
    from llmwright.targets.kubernetes.manifests import Manifests, RenderInput
    from llmwright.values.nodes import NodeRequest


def cluster_objects(session: Session, preparation: Preparation, written: Written) -> Manifests:
    """The objects that the operator would apply for ``written``, in order, in a cluster that has none of them.

    Raises:
        InvalidWorkspace: it cannot be accepted.
        PluginError: a driver that it needs is missing or broken.
    """
    from llmwright.targets.kubernetes.manifests import all_objects

    inference = written.workspace.inference
    if inference is not None and inference.template is not None:
        return _of_template(session, preparation.accept(written))
    prepared = preparation.prepare(written)
    plan = prepared.plan
    driver = _provisioner(session, plan.provisioner.name)
    rendering = _rendering(session, prepared.workspace, driver, plan.nodes, plan.inputs)
    if plan.runtime is not None:
        rendering = replace(rendering, runtime=cast("Runtime", session.driver("runtime", plan.runtime.name)))
    return (*_nodes(driver, plan.nodes), *all_objects(session.registry.hooks(), rendering, plan))


def _of_template(session: Session, workspace: Workspace) -> Manifests:
    from llmwright.plan.node_requests import choose_provisioner, template_nodes
    from llmwright.targets.kubernetes.manifests import run_manifests_hook, template_objects

    nodes = template_nodes(workspace, session.catalogue, session.settings)
    driver = _provisioner(session, choose_provisioner(workspace, session.settings, "kubernetes").name)
    rendering = _rendering(session, workspace, driver, nodes)
    objects = run_manifests_hook(session.registry.hooks(), rendering, None, template_objects(rendering, nodes.count))
    return (*_nodes(driver, nodes), *objects)


def _provisioner(session: Session, name: str) -> Provisioner:
    from llmwright.plugins.drivers import Provisioner

    driver = session.driver("provisioner", name)
    assert isinstance(driver, Provisioner)
    return driver


def _nodes(driver: Provisioner, request: NodeRequest) -> Manifests:
    from datetime import UTC, datetime

    from llmwright.targets.kubernetes.manifests import node_objects

    return node_objects(driver, request, datetime.now(UTC))


def _rendering(
    session: Session, workspace: Workspace, driver: Provisioner, nodes: NodeRequest, inputs: str = ""
) -> RenderInput:
    from llmwright.targets.kubernetes.manifests import RenderInput

    return RenderInput(workspace=workspace, settings=session.settings, placement=driver.placement(nodes), inputs=inputs)
