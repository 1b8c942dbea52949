"""Requests to a cloud without the SDK, for tests of its refusals."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.arm.support.cloud import Cloud
from tests.arm.support.wire import Answer, Json, Request

POOLS = "/resourceGroups/rg/providers/Microsoft.ContainerService/managedClusters/prod/agentPools"
NO_SDK = "azure-mgmt-containerservice is in the dependency group dev"
A100 = "Standard_NC24ads_A100_v4"


@dataclass
class Asking:
    """A caller with a token."""

    cloud: Cloud
    subscription: str = ""

    def ask(self, method: str, path: str, body: Json | None = None, **headers: str) -> Answer:
        """Return the answer to a request below the subscription."""
        token, _ = self.cloud.tokens.issue(self.cloud.now())
        sent = {"authorization": f"Bearer {token}", **{name.replace("_", "-"): text for name, text in headers.items()}}
        base = f"{self.cloud.endpoint}/subscriptions/{self.subscription or self.cloud.subscription}"
        url = f"{base}{path}{'&' if '?' in path else '?'}api-version=2026-08-01"
        return self.cloud.handle(Request(method, url, sent, json.dumps(body).encode() if body is not None else b""))

    def put(self, name: str, **properties: Any) -> Answer:
        """Ask for a pool; of an A100 machine unless told otherwise."""
        return self.ask("PUT", f"{POOLS}/{name}", {"properties": {"vmSize": A100, **properties}})

    def get(self, name: str) -> Answer:
        """Return the pool."""
        return self.ask("GET", f"{POOLS}/{name}")

    def delete(self, name: str) -> Answer:
        """Ask for the pool to go."""
        return self.ask("DELETE", f"{POOLS}/{name}")

    def listed(self) -> list[str]:
        """Return the names that the first page shows."""
        return [pool["name"] for pool in (self.ask("GET", POOLS).body or {})["value"]]


def refusal(answer: Answer) -> tuple[int, str]:
    """Return status and code."""
    body = answer.body or {}
    return answer.status, body.get("error", body).get("code", "")
