"""The instance metadata service, about the machine that the operator runs on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from azure.core import PipelineClient
from azure.core.exceptions import AzureError as CoreError
from azure.core.rest import HttpRequest

HOST = "http://169.254.169.254"
HOST_VARIABLE = "AZURE_POD_IDENTITY_AUTHORITY_HOST"
"""The variable with which azure-identity finds another metadata service."""

PATH = "/metadata/instance/compute?api-version=2021-02-01&format=json"
WAIT_S = 3.0
NO_PROXY = {"http": "", "https": ""}
"""The service answers this machine only: no proxy may carry the request."""


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine of Azure's: its subscription and resource group, and its AKS cluster where tags tell it."""

    subscription: str = ""
    group: str = ""
    cluster_group: str = ""
    cluster: str = ""


def this_machine() -> Machine:
    """Return this machine; all fields are empty where no metadata service answers."""
    host = os.environ.get(HOST_VARIABLE) or HOST
    request = HttpRequest("GET", host.rstrip("/") + PATH, headers={"Metadata": "true"})
    try:
        with PipelineClient[Any, Any](host, policies=[]) as client:
            response = client.send_request(request, connection_timeout=WAIT_S, read_timeout=WAIT_S, proxies=NO_PROXY)
            compute = response.json() if response.status_code == 200 else {}
    except (CoreError, ValueError):
        return Machine()
    return _machine(compute) if isinstance(compute, Mapping) else Machine()


def _machine(compute: Mapping[str, Any]) -> Machine:
    tags = {tag.get("name"): str(tag.get("value") or "") for tag in compute.get("tagsList") or ()}
    return Machine(
        subscription=str(compute.get("subscriptionId") or ""),
        group=str(compute.get("resourceGroupName") or ""),
        cluster_group=tags.get("aks-managed-cluster-rg", ""),
        cluster=tags.get("aks-managed-cluster-name", ""),
    )
