"""Kinds of objects, and their paths on the API server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind as the API server serves it. ``group`` is empty for Kubernetes' core group."""

    group: str
    version: str
    plural: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """The ``apiVersion`` of its objects."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str = "", subresource: str = "") -> str:
        """Return the URL path of all objects, of the objects of a namespace, of one object, or of a part of it."""
        parts = ["/apis" if self.group else "/api", self.api_version]
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        parts += [part for part in (self.plural, name, subresource) if part]
        return "/".join(parts)

    @classmethod
    def of_version(cls, api_version: str, plural: str, *, namespaced: bool = True) -> Resource:
        """Return the kind with that ``apiVersion`` and plural."""
        group, _, version = api_version.rpartition("/")
        return cls(group, version, plural, namespaced)

    @classmethod
    def parse(cls, text: str) -> Resource | None:
        """Return a namespaced kind from its ``full`` name; None for any other text."""
        plural, _, rest = text.partition(".")
        version, _, group = rest.partition(".")
        return cls(group, version, plural) if plural and version else None

    @property
    def full(self) -> str:
        """The name with its version, as ``kubectl get`` takes it."""
        return ".".join(part for part in (self.plural, self.version, self.group) if part)

    def __str__(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural


WORKSPACES = Resource("kaito.sh", "v1beta1", "workspaces")
STATEFULSETS = Resource("apps", "v1", "statefulsets")
CONTROLLER_REVISIONS = Resource("apps", "v1", "controllerrevisions")
JOBS = Resource("batch", "v1", "jobs")
PODS = Resource("", "v1", "pods")
SERVICES = Resource("", "v1", "services")
CONFIG_MAPS = Resource("", "v1", "configmaps")
EVENTS = Resource("", "v1", "events")
NODES = Resource("", "v1", "nodes", namespaced=False)
AUTOSCALERS = Resource("autoscaling", "v2", "horizontalpodautoscalers")
SCALED_OBJECTS = Resource("keda.sh", "v1alpha1", "scaledobjects")
LEASES = Resource("coordination.k8s.io", "v1", "leases")
WEBHOOK_CONFIGURATIONS = Resource(
    "admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations", namespaced=False
)
POLICY_BINDINGS = Resource("admissionregistration.k8s.io", "v1", "validatingadmissionpolicybindings", namespaced=False)
NAMESPACES = Resource("", "v1", "namespaces", namespaced=False)
CRDS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", namespaced=False)
RULES_REVIEWS = Resource("authorization.k8s.io", "v1", "selfsubjectrulesreviews", namespaced=False)
OWN_ACCESS_REVIEWS = Resource("authorization.k8s.io", "v1", "selfsubjectaccessreviews", namespaced=False)
ACCESS_REVIEWS = Resource("authorization.k8s.io", "v1", "subjectaccessreviews", namespaced=False)
SELF_REVIEWS = Resource("authentication.k8s.io", "v1", "selfsubjectreviews", namespaced=False)
DEPLOYMENTS = Resource("apps", "v1", "deployments")
DAEMON_SETS = Resource("apps", "v1", "daemonsets")
WEBHOOK_CONFIGURATION = "llmwright-admission"
"""The name of our ValidatingWebhookConfiguration."""
DEFINITION = "workspaces.kaito.sh"
"""The name of the CRD of Workspaces, KAITO's and ours."""
KAITO_WEBHOOK = "validation.workspace.kaito.sh"
"""The name of KAITO's ValidatingWebhookConfiguration (its chart, v0.12)."""
BESIDE_KAITO = "llmwright-beside-kaito"
"""The name of the policy, and of its binding, that keeps KAITO's controller off namespaces of ours."""

KINDS = {
    "Workspace": WORKSPACES,
    "StatefulSet": STATEFULSETS,
    "ControllerRevision": CONTROLLER_REVISIONS,
    "Job": JOBS,
    "Service": SERVICES,
}
"""The resource of each kind that the core applies."""
