"""All objects of one Workspace, role by role, in the order in which they are applied."""

from __future__ import annotations

from llmwright.lifecycle.observed import Role
from llmwright.targets.kubernetes.manifests.jobs import preflight_job, tuning_job
from llmwright.targets.kubernetes.manifests.own_template import template_statefulset
from llmwright.targets.kubernetes.manifests.plugin_objects import with_brought
from llmwright.targets.kubernetes.manifests.render_input import Manifest, RenderInput
from llmwright.targets.kubernetes.manifests.services import KV_EVENTS, headless_service, service
from llmwright.targets.kubernetes.manifests.statefulset import statefulset
from llmwright.values.launch import Launch
from llmwright.values.nodes import NodeRequest

Manifests = tuple[Manifest, ...]

TEMPLATE_PORT = 5000
TEMPLATE_KV_EVENTS = 5557
"""Where a template is expected to answer, whatever it runs (KAITO v0.12)."""


def role_objects(rendering: RenderInput, role: Role, launch: Launch, nodes: NodeRequest) -> Manifests:
    """The objects of one role, in the order in which they are applied; raises PluginContract as ``with_brought``."""
    if role == "preflight":
        return preflight_objects(rendering, launch)
    if role == "tuning":
        return tuning_objects(rendering, launch, nodes)
    if rendering.workspace.template is not None:
        return template_objects(rendering, nodes.count)
    return serving_objects(rendering, launch, nodes)


def preflight_objects(rendering: RenderInput, launch: Launch) -> Manifests:
    """The Job that checks before a node is bought."""
    return (preflight_job(rendering, launch),)


def tuning_objects(rendering: RenderInput, launch: Launch, nodes: NodeRequest) -> Manifests:
    """The Job that tunes."""
    return (tuning_job(rendering, launch, nodes),)


def serving_objects(rendering: RenderInput, launch: Launch, nodes: NodeRequest) -> Manifests:
    """Services and StatefulSet, or what the runtime has in their place, and what it has beside them."""
    endpoint = service(rendering, http=launch.ports["http"], kv_events=launch.ports.get(KV_EVENTS))
    core = (endpoint, headless_service(rendering), statefulset(rendering, launch, nodes))
    return with_brought(rendering, launch, nodes.count, core)


def template_objects(rendering: RenderInput, nodes: int) -> Manifests:
    """Services, and a StatefulSet of ``inference.template``, which needs no Plan.

    Raises:
        TypeError: the Workspace has no template.
    """
    inference = rendering.workspace.inference
    if inference is None or inference.template is None:
        raise TypeError(f"{rendering.name} has no template")
    endpoint = service(rendering, http=TEMPLATE_PORT, kv_events=TEMPLATE_KV_EVENTS)
    return (endpoint, headless_service(rendering), template_statefulset(rendering, inference.template, nodes))
