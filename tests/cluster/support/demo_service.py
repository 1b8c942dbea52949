"""A runtime of somebody else's that serves by a kind of its own, as KubeRay's RayService would."""

from __future__ import annotations

from typing import Any

GROUP = "demo.example.com"
RIGHTS = {"demo.example.com": ["demoservices"], "": ["configmaps"], "policy": ["poddisruptionbudgets"]}

RUNTIME = """
from llmwright.plugins.drivers import Capabilities, Runtime
from llmwright.values.launch import HttpGet, Launch, Probe, Process
from llmwright.values.nodes import Failed, Ready, Waiting, Watch

DEMO = Watch(group="demo.example.com", version="v1", plural="demoservices")


class Demo(Runtime):
    targets = frozenset({"kubernetes"})
    capabilities = Capabilities()
    serves_as = DEMO

    def launch(self, preset, fit, adapters, config):
        ready = Probe(check=HttpGet("/health"))
        return Launch(main=Process(name="serve", argv=("demo", preset.name), gpus=1, ready=ready), ports={"http": 5000})

    def objects(self, launch, names):
        yield {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": f"{names.workspace}-notes"},
            "data": {"command": " ".join(launch.main.argv)},
        }
        yield {
            "apiVersion": "demo.example.com/v1",
            "kind": "DemoService",
            "metadata": {"name": names.workspace},
            "spec": {"replicas": names.nodes, "template": names.pod},
        }

    def watches(self):
        return (DEMO,)

    def status(self, manifest):
        if manifest["kind"] != "DemoService":
            return None
        status = manifest.get("status") or {}
        if status.get("phase") == "Ready":
            return Ready()
        if status.get("phase") == "Failed":
            return Failed("invalid", status["message"], "DemoFailed")
        return Waiting("DemoStarting", "its head has not started yet")
"""


def crd() -> dict[str, Any]:
    """The kind, with a status of its own."""
    free = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    schema = {"type": "object", "properties": {"spec": free, "status": free}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"demoservices.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {"plural": "demoservices", "singular": "demoservice", "kind": "DemoService"},
            "versions": [{**version, "subresources": {"status": {}}}],
        },
    }


def rights() -> dict[str, Any]:
    """What the operator needs for objects of the runtime and of the hook, given to its role by the label."""
    from llmwright.targets.kubernetes.operator.rbac import FOR_PLUGINS, OWN

    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "demo-for-llmwright", "labels": {FOR_PLUGINS: "true"}},
        "rules": [{"apiGroups": [group], "resources": names, "verbs": [*OWN]} for group, names in RIGHTS.items()],
    }
