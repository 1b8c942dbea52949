"""Who the operator is for Azure: workload identity, managed identity, or the Azure CLI's login."""

from __future__ import annotations

import os

from azure.core.credentials import TokenCredential
from azure.identity import (
    AzureCliCredential,
    ChainedTokenCredential,
    ManagedIdentityCredential,
    WorkloadIdentityCredential,
)

from llmwright_provisioner_aks.options import AksSettings

AUTHORITIES = {
    "public": "https://login.microsoftonline.com",
    "usgovernment": "https://login.microsoftonline.us",
    "china": "https://login.chinacloudapi.cn",
}
TOKEN_FILE, AUTHORITY = "AZURE_FEDERATED_TOKEN_FILE", "AZURE_AUTHORITY_HOST"
"""Variables that the webhook of AKS's workload identity sets in a pod."""


def credential(settings: AksSettings) -> TokenCredential:
    """Return the chain of credentials; the first that has a token is kept."""
    chain: list[TokenCredential] = []
    if os.environ.get(TOKEN_FILE):
        named = {"client_id": settings.client_id} if settings.client_id else {}
        authority = settings.authority or os.environ.get(AUTHORITY) or AUTHORITIES[settings.cloud]
        # Azure's public directory knows no authority of another Resource Manager: nobody there is asked about it.
        own = bool(settings.resource_manager or settings.authority)
        chain.append(WorkloadIdentityCredential(authority=authority, disable_instance_discovery=own, **named))
    chain.append(ManagedIdentityCredential(client_id=settings.client_id or None))
    return ChainedTokenCredential(*chain, AzureCliCredential())
