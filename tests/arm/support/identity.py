"""Who one is, and where: the instance metadata service of a node, and the token endpoint of a tenant.

``/metadata/instance`` and ``/metadata/identity/oauth2/token`` are plain HTTP and want the header ``Metadata: true``. The tenant's endpoint
takes a client assertion (workload identity) and checks that it is the one that ``ArmServer`` wrote into the token file, nothing else.
"""  # noqa: E501

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from tests.arm.support.cloud import Cloud, Cluster
from tests.arm.support.tokens import CLIENT, TENANT
from tests.arm.support.wire import Answer, Json, Request

ASSERTION = "workload-identity-assertion"


@dataclass
class Identity:
    """The identity of a node of ``cluster``, or of the first one. ``refuse`` answers the next requests for tokens."""

    cloud: Cloud
    cluster: Cluster | None = None
    counts: dict[str, int] = field(default_factory=dict)
    refuse: list[Answer] = field(default_factory=list)

    def metadata(self, request: Request) -> Answer:
        """Return what the instance metadata service answers."""
        if request.headers.get("metadata", "").lower() != "true":
            return Answer(400, {"error": "Bad request. Required metadata header not specified"})
        if "api-version" not in request.query:
            return Answer(400, {"error": "Bad request. api-version was not specified in the request."})
        if request.path == "/metadata/identity/oauth2/token":
            self._count("tokens.get")
            return self._managed(request)
        if request.path == "/metadata/instance":
            self._count("metadata.get")
            return Answer(200, {"compute": self._compute(), "network": {"interface": []}})
        if request.path == "/metadata/instance/compute":
            self._count("metadata.get")
            return Answer(200, self._compute())
        return Answer(404, {"error": "Not found"})

    def authority(self, request: Request) -> Answer | None:
        """Return what the tenant answers; None where the request is none of its."""
        base = f"{self.cloud.endpoint}/{TENANT}"
        if request.path == f"/{TENANT}/v2.0/.well-known/openid-configuration":
            return Answer(
                200,
                {
                    "token_endpoint": f"{base}/oauth2/v2.0/token",
                    "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                    "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
                    "issuer": f"{base}/v2.0",
                },
            )
        if request.path != f"/{TENANT}/oauth2/v2.0/token":
            return None
        self._count("tokens.post")
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        if self.refuse:
            return self.refuse.pop(0)
        if form.get("client_id") != CLIENT or form.get("client_assertion") != ASSERTION:
            text = "AADSTS700213: No matching federated identity record found for presented assertion subject."
            return Answer(401, {"error": "invalid_client", "error_description": text, "error_codes": [700213]})
        return Answer(200, self._token(form.get("scope", "")))

    def _managed(self, request: Request) -> Answer:
        if self.refuse:
            return self.refuse.pop(0)
        if request.query.get("client_id", CLIENT) != CLIENT:
            return Answer(400, {"error": "invalid_request", "error_description": "Identity not found"})
        return Answer(200, self._token(request.query.get("resource", "")))

    def _token(self, resource: str) -> Json:
        token, ends = self.cloud.tokens.issue(self.cloud.now())
        left = str(round((ends - self.cloud.now()).total_seconds()))
        return {
            "token_type": "Bearer",
            "access_token": token,
            "resource": resource,
            "expires_in": left,
            "ext_expires_in": left,
            "expires_on": str(round(ends.timestamp())),
            "client_id": CLIENT,
        }

    def _compute(self) -> dict[str, Any]:
        cluster = self.cluster or next(iter(self.cloud.clusters.values()))
        scale_set = "aks-system-12345678-vmss"
        home = f"/subscriptions/{cluster.subscription}/resourceGroups/{cluster.node_group}"
        tags = {
            "aks-managed-cluster-name": cluster.name,
            "aks-managed-cluster-rg": cluster.group,
            "aks-managed-poolName": "system",
            "aks-managed-orchestrator": "Kubernetes:1.34.4",
        }
        return {
            "azEnvironment": "AzurePublicCloud",
            "location": cluster.location,
            "name": f"{scale_set}_0",
            "resourceGroupName": cluster.node_group,
            "resourceId": f"{home}/providers/Microsoft.Compute/virtualMachineScaleSets/{scale_set}/virtualMachines/0",
            "subscriptionId": cluster.subscription,
            "tags": ";".join(f"{name}:{value}" for name, value in tags.items()),
            "tagsList": [{"name": name, "value": value} for name, value in tags.items()],
            "vmScaleSetName": scale_set,
            "vmSize": "Standard_D4s_v5",
            "zone": "",
        }

    def _count(self, kind: str) -> None:
        self.counts[kind] = self.counts.get(kind, 0) + 1
