"""Workspaces of a test, the machines that it brings for them, and what became of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.cluster.support.operating import NODE_CLASS
from tests.support.waiting import wait_until

from llmwright.testing.cluster import Cluster

Object = dict[str, Any]

INSTANCE_TYPE = "Standard_NC24ads_A100_v4"
CLAIMS = "nodeclaims.karpenter.sh"
POOLS = "nodepools.karpenter.sh"
BUYER = {"nodeclaim": "kaito.sh/workspace", "nodepool": "karpenter.kaito.sh/workspace-name"}
"""The label of a machine of Karpenter's that says for whom it was bought, by the mode of the provisioner."""
CHILDREN = ("apps/v1/statefulsets", "v1/services", "batch/v1/jobs", "apps/v1/controllerrevisions", "v1/pods")
PATHS = {
    "workspace": "kaito.sh/v1beta1/workspaces",
    "statefulset": "apps/v1/statefulsets",
    "service": "v1/services",
    "job": "batch/v1/jobs",
    "pod": "v1/pods",
}


def stray_claim(name: str) -> Object:
    """A NodeClaim for a Workspace that is not there."""
    labels = {"kaito.sh/workspace": "long-gone", "kaito.sh/workspacenamespace": "default"}
    return {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodeClaim",
        "metadata": {"name": name, "labels": {**labels, "karpenter.sh/nodepool": "kaito"}},
        "spec": {
            "nodeClassRef": NODE_CLASS,
            "requirements": [
                {"key": "node.kubernetes.io/instance-type", "operator": "In", "values": ["Standard_NC4as_T4_v3"]},
                {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["on-demand"]},
            ],
        },
    }


@dataclass
class Workspaces:
    """Workspaces of one test, and what became of them."""

    plane: Cluster
    names: list[str] = field(default_factory=list)

    def inference(self, name: str, **resource: Any) -> Object:
        """One that serves a small public model on a node labelled ``ws: NAME``."""
        return self._workspace(name, resource, {"inference": {"preset": {"name": "phi-4-mini-instruct"}}})

    def tuning(self, name: str, **more: Any) -> Object:
        """One that tunes, and delivers into an image."""
        tuning = {
            "preset": {"name": "phi-3-mini-128k-instruct"},
            "method": "qlora",
            "input": {"urls": ["https://example.com/data.parquet"]},
            "output": {"image": "registry.example.com/out:1", "imagePushSecret": "push"},
        }
        return self._workspace(name, {}, {"tuning": {**tuning, **more}})

    def apply(self, *workspaces: Object) -> None:
        """Apply as a user does."""
        self.names += [one["metadata"]["name"] for one in workspaces]
        self.plane.apply(*workspaces)

    def get(self, name: str) -> Object:
        """One as it stands."""
        return self.one("workspace", name) or {}

    def one(self, kind: str, name: str) -> Object | None:
        """One object of the namespace ``default``, None where there is none."""
        return self.plane.fetch(_path(PATHS[kind], name))

    def told(self, name: str, kind: str) -> Object:
        """A condition, with empty texts where it is not set."""
        return self.plane.condition(name, kind)

    def condition(self, name: str, kind: str) -> tuple[str, str]:
        """Status and reason of a condition, empty where it is not set."""
        condition = self.told(name, kind)
        return condition["status"], condition["reason"]

    def until(self, name: str, kind: str, status: str = "True", reason: str | None = None) -> None:
        """Wait for a condition."""
        self.plane.until(name, kind, status, reason)

    def events(self, name: str, **fields: str) -> list[Object]:
        """Return the Events about that Workspace, those with ``fields``."""
        # By kind too: the API server warns of the Service of the same name while it repairs cluster IPs.
        wanted = {"involvedObject.kind": "Workspace", "involvedObject.name": name, **fields}
        chosen = ",".join(f"{key}={value}" for key, value in wanted.items())
        return self.plane.get("events", f"--field-selector={chosen}")

    def node(
        self, name: str, workspace: str, *, gpus: int = 1, fake: bool = True, labels: dict[str, str] | None = None
    ) -> None:
        """A machine, labelled for a Workspace; KWOK makes it and its pods Ready where it is ``fake``."""
        common = {"ws": workspace, "node.kubernetes.io/instance-type": INSTANCE_TYPE, **(labels or {})}
        size = {"cpu": f"{24 * gpus}", "memory": f"{220 * gpus}Gi", "nvidia.com/gpu": f"{gpus}"}
        self.plane.add_node(name, common, fake=fake, **size)

    def gone(self, *names: str) -> Callable[[], bool]:
        """Whether these Workspaces and all their children are."""

        return lambda: not any(self._left(kind, *names) for kind in (PATHS["workspace"], *CHILDREN))

    def clear(self) -> None:
        """Delete all of them, and wait until they are gone."""
        for name in self.names:
            self.plane.delete(_path(PATHS["workspace"], name))
        if self.names:
            wait_until(lambda: not self._left(PATHS["workspace"]), "the Workspaces are gone")
            wait_until(self._is_swept, f"nothing of {self.names} is left")
        self.plane.kubectl("delete", "node", "-l", "ws", "--ignore-not-found", "--wait=false")
        self.names.clear()

    def abandon(self) -> None:
        """Let those go that a test which failed left without an operator, so that no other test meets them."""
        for name in self._left(PATHS["workspace"]) if self.names else ():
            self.plane.kubectl("patch", "workspace", name, "--type=merge", '-p={"metadata":{"finalizers":null}}')
            self.plane.kubectl("delete", "workspace", name, "--ignore-not-found")

    def _left(self, kind: str, *names: str) -> list[str]:
        """What there is of that kind whose name begins with one of ``names``, or else with one of all."""
        found = self.plane.fetch(_path(kind))
        assert found is not None, kind
        prefixes = names or tuple(self.names)
        return [name for one in found["items"] if (name := str(one["metadata"]["name"])).startswith(prefixes)]

    def _is_swept(self) -> bool:
        """Whether nothing is left; pods do not wait for a kubelet where there is none."""
        if self.gone(*self.names)():
            return True
        chosen = f"-lkaito.sh/workspace in ({','.join(self.names)})"
        self.plane.kubectl("delete", "pod", chosen, "--force", "--grace-period=0")
        return False

    def _workspace(self, name: str, resource: Object, purpose: Object) -> Object:
        selector = {"matchLabels": {"ws": name}}
        return {
            "apiVersion": "kaito.sh/v1beta1",
            "kind": "Workspace",
            "metadata": {"name": name, "namespace": "default"},
            "resource": {"instanceType": INSTANCE_TYPE, "labelSelector": selector, **resource},
            **purpose,
        }


def _path(kind: str, name: str = "") -> str:
    """The URL path of the objects of a kind (``group/version/plural``) in the namespace ``default``, or of one."""
    api, _, plural = kind.rpartition("/")
    root = "/apis" if "/" in api else "/api"
    return f"{root}/{api}/namespaces/default/{plural}" + (f"/{name}" if name else "")
