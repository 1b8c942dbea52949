"""All objects of one Workspace, role by role. This module puts together what the others render."""

from __future__ import annotations

from llmwright.api.scaling import replicas_of
from llmwright.lifecycle.observed import Role
from llmwright.plugins.hooks import Hooks
from llmwright.targets.kubernetes.manifests.autoscaler import autoscalers
from llmwright.targets.kubernetes.manifests.jobs import preflight_job, tuning_job
from llmwright.targets.kubernetes.manifests.manifests_hook import run_manifests_hook
from llmwright.targets.kubernetes.manifests.object_metadata import identity
from llmwright.targets.kubernetes.manifests.plugin_objects import with_runtime_objects
from llmwright.targets.kubernetes.manifests.pods import preflight_pod, serving_pod, tuning_pod, users_pod
from llmwright.targets.kubernetes.manifests.render_input import Manifests, RenderInput
from llmwright.targets.kubernetes.manifests.services import KV_EVENTS, headless_service, service
from llmwright.targets.kubernetes.manifests.statefulset import statefulset, users_statefulset
from llmwright.targets.kubernetes.manifests.volumes import weights_claim, with_weights_volume
from llmwright.values.launch import Launch
from llmwright.values.nodes import NodeRequest
from llmwright.values.plan import Plan

TEMPLATE_PORT = 5000
TEMPLATE_KV_EVENTS = 5557
"""Ports where a user's own pod is expected to answer, whatever it runs (KAITO v0.12)."""


def all_objects(hooks: Hooks, source: RenderInput, plan: Plan) -> Manifests:
    """Return everything that ``plan`` applies in the course of time, after the hook ``manifests``.

    An object that several roles share appears once, as the last role has it.
    """
    roles: tuple[Role, ...] = ("preflight", "tuning", "serving")
    launches: dict[Role, Launch] = {role: getattr(plan, role) for role in roles if getattr(plan, role) is not None}
    rendered = {role: role_objects(source, role, launch, plan.nodes) for role, launch in launches.items()}
    objects = [
        manifest
        for role, manifests in rendered.items()
        for manifest in run_manifests_hook(hooks, source, plan, manifests, role)
    ]
    return tuple({identity(manifest): manifest for manifest in objects}.values())


def role_objects(source: RenderInput, role: Role, launch: Launch, nodes: NodeRequest) -> Manifests:
    """Return the objects of one role, before the hook ``manifests``.

    Raises:
        PluginContract: the runtime failed, or does not return the object that it declares to serve as.
    """
    if role == "preflight":
        return preflight_objects(source, launch)
    if role == "tuning":
        return tuning_objects(source, launch, nodes)
    if source.workspace.template is not None:
        return template_objects(source, nodes.count)
    return serving_objects(source, launch, nodes)


def preflight_objects(source: RenderInput, launch: Launch) -> Manifests:
    """Return the Job that checks before a node is bought."""
    return (preflight_job(source, launch.digest, preflight_pod(source, launch)),)


def tuning_objects(source: RenderInput, launch: Launch, nodes: NodeRequest) -> Manifests:
    """Return the Job that tunes."""
    return (tuning_job(source, launch.digest, tuning_pod(source, launch, nodes)),)


def serving_objects(source: RenderInput, launch: Launch, nodes: NodeRequest) -> Manifests:
    """Return Services and StatefulSet, with the runtime's objects beside them or in their place."""
    grouped = launch.ranks is not None
    endpoint = service(source, http=launch.ports["http"], kv_events=launch.ports.get(KV_EVENTS), grouped=grouped)
    complete = with_weights_volume(launch, source.settings)
    weights = weights_claim(complete, nodes, source.settings.disk_class)
    pod = serving_pod(source, complete, nodes, claimed=weights is not None)
    server = statefulset(source, launch.digest, pod, nodes.count, weights)
    core = (endpoint, headless_service(source, grouped=grouped), server)
    *others, last = with_runtime_objects(source, launch, nodes.count, core)
    return (*others, *autoscalers(source), last)


def template_objects(source: RenderInput, nodes: int) -> Manifests:
    """Return Services and the StatefulSet of ``inference.template``, which needs no Plan.

    Raises:
        TypeError: the Workspace has no template.
    """
    template = source.workspace.template
    if template is None:
        raise TypeError(f"{source.name} has no template")
    # A template does not say whether its pods are a group. Where one replica has several, they may be one.
    grouped = nodes > replicas_of(source.workspace)
    endpoint = service(source, http=TEMPLATE_PORT, kv_events=TEMPLATE_KV_EVENTS, grouped=grouped)
    server = users_statefulset(source, users_pod(source, template), nodes)
    return endpoint, headless_service(source, grouped=grouped), *autoscalers(source), server
