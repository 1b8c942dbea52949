"""What a Workspace would become on a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelwright.api.workspace import Workspace
    from modelwright.cli.documents import Written
    from modelwright.cli.preparation import Preparation
    from modelwright.cli.session import Session
    from modelwright.targets.kubernetes.manifests import Manifests, Rendering
    from modelwright.values.nodes import NodeRequest


def cluster_objects(session: Session, preparation: Preparation, written: Written) -> Manifests:
    """The objects that the operator would apply for ``written``, in order, but for what its provisioner creates.

    Raises:
        InvalidWorkspace: it cannot be accepted.
        PluginError: a driver that it needs is missing or broken.
    """
    from modelwright.targets.kubernetes.manifests import render, reviewed

    inference = written.workspace.inference
    if inference is not None and inference.template is not None:
        return _of_template(session, preparation.accept(written))
    prepared = preparation.prepare(written)
    plan = prepared.plan
    rendering = _rendering(session, prepared.workspace, plan.provisioner.name, plan.nodes, plan.inputs)
    return reviewed(session.registry.hooks(), rendering, plan, render(rendering, plan))


def _of_template(session: Session, workspace: Workspace) -> Manifests:
    from modelwright.plan.nodes import choose_provisioner, template_nodes
    from modelwright.targets.kubernetes.manifests import reviewed, template_objects

    nodes = template_nodes(workspace, session.catalogue, session.settings)
    provisioner = choose_provisioner(workspace, session.settings, "kubernetes")
    rendering = _rendering(session, workspace, provisioner.name, nodes)
    return reviewed(session.registry.hooks(), rendering, None, template_objects(rendering, nodes.count))


def _rendering(
    session: Session, workspace: Workspace, provisioner: str, nodes: NodeRequest, inputs: str = ""
) -> Rendering:
    from modelwright.plugins.drivers import Provisioner
    from modelwright.targets.kubernetes.manifests import Rendering

    driver = session.driver("provisioner", provisioner)
    assert isinstance(driver, Provisioner)
    return Rendering(workspace=workspace, settings=session.settings, placement=driver.placement(nodes), inputs=inputs)
