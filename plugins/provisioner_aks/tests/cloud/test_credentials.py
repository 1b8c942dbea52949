"""Hosts and scopes that azure-identity and the SDK really ask, for each cloud: recorded at the socket's place."""

from __future__ import annotations

import json
import stat
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import urllib3
from tests.arm.support.asking import NO_SDK
from tests.arm.support.clock import RealClock
from tests.arm.support.cloud import CLIENT, SUBSCRIPTION, TENANT, Cloud
from tests.arm.support.identity import ASSERTION, Identity
from tests.arm.support.wire import Answer, Request

from llmwright_provisioner_aks.options import AksSettings

METADATA = "169.254.169.254"
CLUSTER = {"subscriptionId": SUBSCRIPTION, "resourceGroup": "rg", "clusterName": "prod"}
OWN = {
    "resourceManager": "https://management.contoso.example",
    "authority": "https://login.contoso.example",
    "audience": "https://audience.contoso.example/6f1a/",
}
CLOUDS: dict[str, tuple[dict[str, str], str, str, str]] = {
    "public": ({}, "login.microsoftonline.com", "management.azure.com", "https://management.azure.com"),
    "usgovernment": (
        {"cloud": "usgovernment"},
        "login.microsoftonline.us",
        "management.usgovcloudapi.net",
        "https://management.core.usgovcloudapi.net",
    ),
    "china": (
        {"cloud": "china"},
        "login.chinacloudapi.cn",
        "management.chinacloudapi.cn",
        "https://management.chinacloudapi.cn",
    ),
    "one's own": (
        OWN, "login.contoso.example", "management.contoso.example", "https://audience.contoso.example/6f1a",
    ),
    "a gateway to one's own": (
        {"resourceManager": "https://arm.contoso.example/", "cloud": "china"},
        "login.chinacloudapi.cn",
        "arm.contoso.example",
        "https://arm.contoso.example",
    ),
}  # fmt: skip
"""Settings, and the hosts of authority and Resource Manager and the audience of tokens (Microsoft's page 'Compare
Azure Government and global Azure', and azure-mgmt-core's endpoints)."""


@dataclass
class Wire:
    """The network: every request that would leave, answered by the local tenant and its subscription."""

    cloud: Cloud
    asked: list[Request] = field(default_factory=list)

    def answer(self, request: Request) -> Answer:
        self.asked.append(request)
        place, identity = urlsplit(request.url), Identity(self.cloud)
        if place.hostname == METADATA:
            return identity.metadata(request)
        if place.path.endswith("/.well-known/openid-configuration"):
            base = f"https://{place.netloc}/{TENANT}"
            return Answer(200, {"token_endpoint": f"{base}/oauth2/v2.0/token", "issuer": f"{base}/v2.0",
                                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize"})  # fmt: skip
        return identity.authority(request) or self.cloud.handle(request)

    @property
    def hosts(self) -> set[str | None]:
        return {urlsplit(request.url).hostname for request in self.asked}

    @property
    def scopes(self) -> set[str]:
        """The scopes of the tenant's tokens, but those that MSAL adds to each."""
        forms = [parse_qs(request.body.decode()) for request in self.asked if request.path.endswith("/token")]
        return {scope for form in forms for scope in form.get("scope", [""])[0].split()} - {
            "openid", "profile", "offline_access"
        }  # fmt: skip


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    pytest.importorskip("azure.mgmt.containerservice", reason=NO_SDK)
    cloud = Cloud(RealClock())
    cloud.add_cluster()
    wire = Wire(cloud)

    def send(adapter: Any, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        headers = {name.lower(): str(value) for name, value in request.headers.items()}
        content = request.body.encode() if isinstance(request.body, str) else request.body
        assert content is None or isinstance(content, bytes)
        answer = wire.answer(Request(request.method or "", request.url or "", headers, content or b""))
        raw = urllib3.HTTPResponse(
            BytesIO(answer.content), {"Content-Type": "application/json", **answer.headers}, answer.status,
            preload_content=False,
        )  # fmt: skip
        response: requests.Response = adapter.build_response(request, raw)
        return response

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", send)
    for name in ("AZURE_AUTHORITY_HOST", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_POD_IDENTITY_AUTHORITY_HOST"):
        monkeypatch.delenv(name, raising=False)
    return wire


@pytest.fixture
def as_workload(wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "token"
    file.write_text(ASSERTION)
    for name, value in (
        ("AZURE_TENANT_ID", TENANT), ("AZURE_CLIENT_ID", CLIENT), ("AZURE_FEDERATED_TOKEN_FILE", str(file)),
    ):  # fmt: skip
        monkeypatch.setenv(name, value)


def listed(settings: dict[str, str]) -> list[str]:
    from llmwright_provisioner_aks.cloud.azure import Azure

    azure = Azure(AksSettings.model_validate({**CLUSTER, **settings}), lambda: datetime.now(UTC))
    return [pool.name for pool in azure.refresh().pools]


@pytest.mark.usefixtures("as_workload")
@pytest.mark.parametrize(("settings", "authority", "manager", "audience"), CLOUDS.values(), ids=CLOUDS)
def test_a_pod_s_token_is_asked_for_where_its_cloud_is(
    wire: Wire, settings: dict[str, str], authority: str, manager: str, audience: str
) -> None:
    assert listed(settings) == ["system"]
    assert wire.hosts == {authority, manager}
    assert wire.scopes == {f"{audience}/.default"}


@pytest.mark.parametrize(("settings", "authority", "manager", "audience"), CLOUDS.values(), ids=CLOUDS)
def test_a_node_s_token_is_for_the_audience_of_its_cloud(
    wire: Wire, settings: dict[str, str], authority: str, manager: str, audience: str
) -> None:
    assert listed(settings) == ["system"]
    assert wire.hosts == {METADATA, manager}
    resources = {request.query["resource"] for request in wire.asked if "resource" in request.query}
    assert resources == {audience}


@pytest.mark.parametrize(("settings", "authority", "manager", "audience"), CLOUDS.values(), ids=CLOUDS)
def test_the_cli_is_asked_for_the_audience_of_its_cloud(
    wire: Wire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], authority: str, manager: str,
    audience: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(Identity, "metadata", refused)
    token, ends = wire.cloud.tokens.issue(wire.cloud.now())
    said = {"accessToken": token, "expiresOn": f"{ends:%Y-%m-%d %H:%M:%S}.000000", "tokenType": "Bearer"}
    program = tmp_path / "az"
    program.write_text(f"#!/bin/sh\necho \"$@\" >> {tmp_path}/asked\ncat <<'E'\n{json.dumps(said)}\nE\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert listed(settings) == ["system"]
    assert wire.hosts == {METADATA, manager}
    assert f"--resource {audience}" in (tmp_path / "asked").read_text()


def refused(_: Identity, __: Request) -> Answer:
    """The answer of a machine's metadata service that knows no identity."""
    return Answer(400, {"error": "invalid_request", "error_description": "Identity not found"})


@pytest.mark.usefixtures("as_workload")
@pytest.mark.parametrize(
    ("settings", "host"),
    [({}, "webhook.example"), ({"authority": "https://login.contoso.example"}, "login.contoso.example")],
)
def test_the_settings_authority_comes_before_that_of_the_webhook(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], host: str
) -> None:
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "https://webhook.example/")
    own = {"resourceManager": "https://management.contoso.example"}
    assert listed({**own, **settings}) == ["system"]
    assert host in wire.hosts
    assert len(wire.hosts) == 2
