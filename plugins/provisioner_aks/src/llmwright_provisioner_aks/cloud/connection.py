"""The way to the cluster: who one is, which Azure, and which cluster, from the settings or the machine's metadata."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from azure.core import AzureClouds
from azure.core.credentials import TokenCredential
from azure.core.pipeline.policies import RetryPolicy, SansIOHTTPPolicy
from azure.core.rest import HttpRequest
from azure.mgmt.containerservice import ContainerServiceClient
from azure.mgmt.core.tools import get_arm_endpoints

from llmwright.errors import TargetError
from llmwright_provisioner_aks.cloud.azure_errors import as_target_errors
from llmwright_provisioner_aks.cloud.credentials import credential
from llmwright_provisioner_aks.cloud.metadata import Machine, this_machine
from llmwright_provisioner_aks.options import AksSettings
from llmwright_provisioner_aks.seen_pools import ENDED

CLOUDS = {
    "public": AzureClouds.AZURE_PUBLIC_CLOUD,
    "usgovernment": AzureClouds.AZURE_US_GOVERNMENT,
    "china": AzureClouds.AZURE_CHINA_CLOUD,
}
CONNECT_S, READ_S = 10.0, 30.0
NAME_IT = "set plugins.provisioner.aks.subscriptionId, resourceGroup and clusterName"


@dataclass(frozen=True, slots=True)
class ClusterName:
    """An AKS cluster, the region it is in, and its state when it was first looked at."""

    subscription: str
    group: str
    name: str
    location: str
    power: str = ""
    provisioning: str = ""

    @property
    def busy(self) -> bool:
        """Whether an operation on the whole cluster ran when it was looked at."""
        return self.provisioning not in ("", *ENDED)


class Connection:
    """One client for one cluster. Nothing is called before it is used, and no request is tried twice by itself."""

    def __init__(self, settings: AksSettings, *, credential: TokenCredential | None = None, **client: Any) -> None:
        """``credential`` and ``client`` (arguments of the SDK's client) take the place of those of the settings."""
        self._settings, self._credential, self._arguments = settings, credential, client
        self._lock = threading.RLock()
        self._machine: Machine | None = None
        self._client: Any = None
        self._cluster: ClusterName | None = None

    def client(self) -> Any:
        """Return the SDK's client. It is not typed here: an environment without the SDK checks the rest.

        Raises:
            TargetError: no subscription is known.
        """
        with self._lock:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def cluster(self) -> ClusterName:
        """Return the cluster; asks Azure for its region once.

        Raises:
            TargetError: it is not known, or Azure refused.
        """
        client = self.client()
        with self._lock:
            if self._cluster is None:
                self._cluster = self._locate(client)
            return self._cluster

    @property
    def is_located(self) -> bool:
        """Whether the cluster was found."""
        return self._cluster is not None

    def get(self, url: str, what: str = "asking Azure") -> Mapping[str, Any]:
        """Return the JSON of one GET at Resource Manager, through the SDK's pipeline; ``url`` may be a path.

        ``what`` is being done, for the error.

        Raises:
            TargetError: Azure refused, or ``url`` is at another host: no token goes there.
        """
        if "://" not in url:
            url = self._base + url
        elif not url.startswith(f"{self._base}/"):
            raise TargetError(f"an address of Azure's is not below {self._base}", reason="InvalidAddress")
        with as_target_errors(what):
            response = self.client().send_request(HttpRequest("GET", url))
            response.raise_for_status()
            answer = response.json() if response.content else {}
        return answer if isinstance(answer, Mapping) else {}

    @property
    def _base(self) -> str:
        given = self._arguments.get("base_url") or self._settings.resource_manager
        return str(given or get_arm_endpoints(CLOUDS[self._settings.cloud])["resource_manager"]).rstrip("/")

    def _here(self) -> Machine:
        """Return this machine as the metadata service tells it; asked once, where the settings do not say all."""
        if self._machine is None:
            self._machine = this_machine()
        return self._machine

    def _connect(self) -> Any:
        settings = self._settings
        subscription = settings.subscription_id or self._here().subscription
        if not subscription:
            message = "no subscription is set, and this machine's metadata names none"
            raise TargetError(message, hint=NAME_IT, reason="InvalidRequest")
        audience = settings.audience or settings.resource_manager
        arguments: dict[str, Any] = {
            "base_url": self._base,
            "cloud_setting": CLOUDS[settings.cloud],
            # The core decides when to ask again: a retry inside would hold its thread up, and ignore its back-off.
            "retry_policy": RetryPolicy.no_retries(),
            # Azure's own would log each request with its headers; the operator logs what comes of them.
            "http_logging_policy": SansIOHTTPPolicy(),
            "connection_timeout": CONNECT_S,
            "read_timeout": READ_S,
            **({"credential_scopes": [f"{audience.rstrip('/')}/.default"]} if audience else {}),
            **self._arguments,
        }
        return ContainerServiceClient(self._credential or credential(settings), subscription, **arguments)

    def _locate(self, client: Any) -> ClusterName:
        settings = self._settings
        subscription = settings.subscription_id or self._here().subscription
        group, name = settings.resource_group, settings.cluster_name
        if not (group and name):
            group, name = group or self._here().cluster_group, name or self._here().cluster
        if group and name:
            with as_target_errors(f"looking for the cluster {name}"):
                return _named(subscription, group, name, client.managed_clusters.get(group, name))
        return self._around(client, subscription, name)

    def _around(self, client: Any, subscription: str, name: str) -> ClusterName:
        """Return the cluster whose machines' resource group is this machine's; of that name, where one is set."""
        machines = self._here().group.lower()
        with as_target_errors("looking for the cluster of this machine"):
            clusters = [*client.managed_clusters.list()] if machines else []
        for cluster in clusters:
            inside = (cluster.properties.node_resource_group or "").lower() if cluster.properties else ""
            if machines == inside and name.lower() in ("", str(cluster.name).lower()):
                group = str(cluster.id).split("/")[4]
                return _named(subscription, group, str(cluster.name), cluster)
        message = "no cluster is set, and this machine is in none that its identity may see"
        raise TargetError(message, hint=NAME_IT, reason="InvalidRequest")


def _named(subscription: str, group: str, name: str, cluster: Any) -> ClusterName:
    """Return the cluster as the SDK's ``ManagedCluster`` shows it."""
    properties = cluster.properties
    code = properties.power_state.code if properties and properties.power_state else ""
    provisioning = properties.provisioning_state if properties else ""
    power = str(getattr(code, "value", code) or "")
    return ClusterName(subscription, group, name, str(cluster.location), power, str(provisioning or ""))
