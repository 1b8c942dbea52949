"""All objects that a Workspace becomes or names, and what the API server and ``check`` say of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from tests.cluster.support.reviewing import Requests

from llmwright.api.workspace import DataSource, Workspace
from llmwright.app.checker import Checker, CheckMode
from llmwright.app.planner import Planner
from llmwright.app.session import Session
from llmwright.errors import InvalidWorkspace
from llmwright.plan.node_requests import template_nodes
from llmwright.plugins.drivers import Provisioner
from llmwright.plugins.selection import choose_provisioner
from llmwright.settings.model import Settings
from llmwright.targets.kubernetes.manifests import RenderInput, all_objects, node_objects, template_objects
from llmwright.values.nodes import NodeRequest

Object = dict[str, Any]
Files = Mapping[str, Mapping[str, str]]

PATHS = {
    "Service": "/api/v1/namespaces/default/services",
    "Secret": "/api/v1/namespaces/default/secrets",
    "ConfigMap": "/api/v1/namespaces/default/configmaps",
    "PersistentVolumeClaim": "/api/v1/namespaces/default/persistentvolumeclaims",
    "StatefulSet": "/apis/apps/v1/namespaces/default/statefulsets",
    "Job": "/apis/batch/v1/namespaces/default/jobs",
    "NodeClaim": "/apis/karpenter.sh/v1/nodeclaims",
    "NodePool": "/apis/karpenter.sh/v1/nodepools",
}
CLUSTER_WIDE = ("NodeClaim", "NodePool")
CLAIM_SPEC = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}


def session(**settings: Any) -> Session:
    """A session with these settings and the installed plugins."""
    # A template may ask for anything here: whether the API server takes it is another question than who may ask.
    return Session(given_settings=Settings(**{"privileged_templates": True, **settings}))


def workspace(name: str = "w", resource: Object | None = None, about: Object | None = None, **parts: Any) -> Object:
    """A Workspace that buys one A100 by Karpenter."""
    selected = {"labelSelector": {"matchLabels": {"apps": "a"}}, "instanceType": "Standard_NC24ads_A100_v4"}
    metadata = {"name": name, "namespace": "default", **(about or {})}
    resources = {**selected, **(resource or {})}
    return {"apiVersion": "kaito.sh/v1beta1", "kind": "Workspace", "metadata": metadata, "resource": resources, **parts}


def serving(**parts: Any) -> Object:
    """The part ``inference`` of a Workspace."""
    return {"inference": {"preset": {"name": "phi-4"}, **parts}}


def tuning(**parts: Any) -> Object:
    """The part ``tuning`` of a Workspace, whose result is pushed and served."""
    output = {"image": "registry.example/o:1", "imagePushSecret": "s"}
    part = {"preset": {"name": "phi-4"}, "method": "lora", "input": {"urls": ["https://data.example/d.parquet"]}}
    return {"tuning": {**part, "output": output, **parts}}


def refused_by_us(plugins: Session, document: Object, files: Files | None = None) -> str:
    """The first error of ``check``, or its warning of an impossible Secret, else that of a plan; empty for none."""
    written = Workspace.model_validate(document)
    problems = Checker(plugins, CheckMode.operator()).check(written, files or {})
    errors = [str(each) for each in problems if each.severity == "error" or each.message.startswith("no Secret can")]
    try:
        return errors[0] if errors else "" if become(plugins, written, files) else "nothing"
    except InvalidWorkspace as error:
        return str(error)


def refused_by_the_server(requests: Requests, plugins: Session, document: Object, files: Files | None = None) -> str:
    """The API server's first refusal of an object, without making any; empty where it takes all."""
    written = Workspace.model_validate(document)
    try:
        made = become(plugins, written, files)
    except InvalidWorkspace:
        made = ()
    for manifest in (*made, *_named(written, files or {})):
        if refused := refusal(requests, manifest):
            return f"{manifest['kind']}: {refused}"
    return ""


def refusal(requests: Requests, manifest: Object) -> str:
    """Why the API server does not take an object; empty where it does."""
    about = {key: value for key, value in manifest["metadata"].items() if key != "ownerReferences"}
    if manifest["kind"] in CLUSTER_WIDE:
        about.pop("namespace", None)
    path = f"{PATHS[manifest['kind']]}?dryRun=All&fieldValidation=Strict"
    answer = requests.send("POST", path, {**manifest, "metadata": about})
    return answer.message if answer.code >= 300 else ""


def become(plugins: Session, written: Workspace, files: Files | None = None) -> tuple[Object, ...]:
    """The objects of nodes and workloads, whatever ``check`` says."""
    if written.template is not None:
        nodes = template_nodes(written, plugins.catalogue, plugins.settings)
        chosen = choose_provisioner(written, plugins.settings, "kubernetes", plugins.driver_set).name
        provisioner = plugins.drivers.provisioner(chosen)
        return (
            *_nodes(provisioner, nodes),
            *template_objects(_source(plugins, written, provisioner, nodes), nodes.count),
        )
    plan = Planner(plugins, CheckMode.operator()).plan(written, files or {})
    provisioner = plugins.drivers.provisioner(plan.provisioner.name)
    source = replace(_source(plugins, written, provisioner, plan.nodes), fits=plan.fits)
    return (*_nodes(provisioner, plan.nodes), *all_objects(plugins.registry.hooks(), source, plan))


def _nodes(provisioner: Provisioner, nodes: NodeRequest) -> tuple[Object, ...]:
    return node_objects(provisioner, nodes, datetime.now(UTC))


def _source(plugins: Session, written: Workspace, provisioner: Provisioner, nodes: NodeRequest) -> RenderInput:
    return RenderInput(workspace=written, settings=plugins.settings, placement=provisioner.placement(nodes))


def _named(written: Workspace, files: Files) -> Iterator[Object]:
    """The Secrets, ConfigMaps and claims that the user makes beside the Workspace."""
    for name in filter(None, _secrets(written)):
        yield {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}}
    for part in (written.inference, written.tuning):
        if part is not None and part.config:
            data = dict(files.get(part.config, {}))
            yield {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": part.config}, "data": data}
    for source in _sources(written):
        claim = (source.volume_source or {}).get("persistentVolumeClaim")
        if isinstance(claim, Mapping) and isinstance(claim.get("claimName"), str):
            about = {"name": claim["claimName"]}
            yield {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": about, "spec": CLAIM_SPEC}


def _secrets(written: Workspace) -> Iterator[str]:
    for part in (written.inference, written.tuning):
        if part is not None and part.preset is not None:
            yield part.preset.preset_options.model_access_secret
            yield from part.preset.preset_options.image_pull_secrets
    for source in _sources(written):
        yield from source.image_pull_secrets
    if written.tuning and written.tuning.output:
        yield written.tuning.output.image_push_secret


def _sources(written: Workspace) -> Iterator[DataSource]:
    for adapter in written.inference.adapters if written.inference else ():
        if adapter.source is not None:
            yield adapter.source
    if written.tuning and written.tuning.input:
        yield written.tuning.input
    if written.tuning and written.tuning.output:
        yield DataSource(volume_source=written.tuning.output.volume_source)
