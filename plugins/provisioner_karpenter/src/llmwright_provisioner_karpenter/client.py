"""Calls to the API server, through the generated client. No other file of this package makes any."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from llmwright.errors import ConfigError, TargetError

if TYPE_CHECKING:
    from llmwright_provisioner_karpenter.karpenter_client import KarpenterShV1Api

MANAGER = "llmwright"
"""The field manager. An object that it never applied is not ours."""

TIMEOUT_S = (10.0, 60.0)
MERGE = "application/merge-patch+json"
COPIED = (
    "host", "ssl_ca_cert", "cert_file", "key_file", "verify_ssl", "assert_hostname", "tls_server_name", "proxy",
    "no_proxy", "proxy_headers",
)  # fmt: skip


Key = tuple[str, str]


class KarpenterClient:
    """NodeClaims and NodePools of one cluster. Answers are read as JSON: the generated models drop unknown fields.

    ``configuration`` is the official client's: its address, certificates and current credentials are used.
    """

    def __init__(self, configuration: Any) -> None:
        from llmwright_provisioner_karpenter.karpenter_client import ApiClient, Configuration, KarpenterShV1Api

        own = Configuration(retries=False)
        for name in COPIED:
            setattr(own, name, getattr(configuration, name, None))
        self._credentials = configuration
        self._http = ApiClient(own)
        self._api: KarpenterShV1Api = KarpenterShV1Api(self._http)

    def apply(self, manifest: Mapping[str, Any]) -> None:
        """Server-side apply; the fields become ours.

        Raises:
            TargetError: the API server refused.
        """
        name = manifest["metadata"]["name"]
        call = {
            "NodeClaim": self._api.patch_karpenter_sh_v1_node_claim_without_preload_content,
            "NodePool": self._api.patch_karpenter_sh_v1_node_pool_without_preload_content,
        }[manifest["kind"]]
        self._send(
            f"apply {manifest['kind']} {name}", call, name, json.dumps(manifest), field_manager=MANAGER, force=True
        )

    def delete_claim(self, name: str, uid: str) -> None:
        """Delete a NodeClaim. Nothing happens where it is gone, or where another NodeClaim has its name."""
        self._delete(self._api.delete_karpenter_sh_v1_node_claim_without_preload_content, "NodeClaim", name, uid)

    def delete_pool(self, name: str, uid: str) -> None:
        """Delete a NodePool, as ``delete_claim`` does."""
        self._delete(self._api.delete_karpenter_sh_v1_node_pool_without_preload_content, "NodePool", name, uid)

    def claims(self) -> list[dict[str, Any]]:
        """Return all NodeClaims; none where the cluster does not serve the kind."""
        return self._list(self._api.list_karpenter_sh_v1_node_claim_without_preload_content, None)

    def pools(self, label: str) -> list[dict[str, Any]]:
        """Return all NodePools with ``label``; none where the cluster does not serve the kind."""
        return self._list(self._api.list_karpenter_sh_v1_node_pool_without_preload_content, label)

    def kinds(self, api_version: str) -> list[dict[str, Any]]:
        """Return the kinds that the cluster serves in a version of a group; none where it does not serve it."""
        return [*((self.find(f"/apis/{api_version}") or {}).get("resources") or ())]

    def preferred_version(self, group: str) -> str:
        """Return group and version of a group's own choice; empty where the cluster does not serve it."""
        return str(((self.find(f"/apis/{group}") or {}).get("preferredVersion") or {}).get("groupVersion") or "")

    def find(self, path: str) -> dict[str, Any] | None:
        """Return what the API server has at a path; None where there is nothing.

        Raises:
            TargetError: it refused, or did not answer.
        """
        return self._plain("GET", path)

    def label_node(self, name: str, labels: Mapping[str, str]) -> None:
        """Add labels to a node. Nothing happens where the node is gone."""
        # The generated client itself turns the body into JSON where the content type contains "json".
        self._plain("PATCH", f"/api/v1/nodes/{name}", {"metadata": {"labels": dict(labels)}}, MERGE)

    def _delete(self, call: Callable[..., Any], kind: str, name: str, uid: str) -> None:
        from llmwright_provisioner_karpenter.karpenter_client import (
            IoK8sApimachineryPkgApisMetaV1DeleteOptions,
            IoK8sApimachineryPkgApisMetaV1Preconditions,
        )

        only = IoK8sApimachineryPkgApisMetaV1Preconditions(uid=uid) if uid else None
        options = IoK8sApimachineryPkgApisMetaV1DeleteOptions(preconditions=only)
        key = "io_k8s_apimachinery_pkg_apis_meta_v1_delete_options"
        self._send(f"delete {kind} {name}", call, name, passed=(404, 409), **{key: options})

    def _list(self, call: Callable[..., Any], label: str | None) -> list[dict[str, Any]]:
        answer = self._send("list", call, label_selector=label, passed=(404,)) or {}
        return [*answer.get("items", ())]

    def _plain(
        self, method: str, path: str, body: dict[str, Any] | None = None, content: str = "application/json"
    ) -> dict[str, Any] | None:
        """Send a request for a kind that is not Karpenter's."""
        url = f"{self._http.configuration.host.rstrip('/')}{path}"
        headers = {"Accept": "application/json", "Content-Type": content}

        def call(*, _request_timeout: tuple[float, float], _headers: Mapping[str, str]) -> Any:
            sent = {**headers, **_headers}
            return self._http.call_api(method, url, sent, body, _request_timeout=_request_timeout)

        return self._send(f"{method} {path}", call, passed=(404,))

    def _send(
        self, what: str, call: Callable[..., Any], *arguments: Any, passed: tuple[int, ...] = (), **named: Any
    ) -> dict[str, Any] | None:
        """Send a request and return the answer as JSON, None for a status in ``passed``."""
        import urllib3

        from llmwright_provisioner_karpenter.karpenter_client import ApiException

        try:
            answer = call(*arguments, _request_timeout=TIMEOUT_S, _headers=self._authorization(), **named)
            raw = getattr(answer, "response", answer)
            status, data = int(raw.status), raw.read()
        except (ApiException, urllib3.exceptions.HTTPError, OSError) as error:
            raise TargetError(f"{what}: {error}", reason="ApiServerUnreachable") from error
        if status in passed:
            return None
        if status >= 400:
            raise _refusal(what, status, data, raw.headers.get("Retry-After"))
        found = _object(data)
        if found is None:
            raise TargetError(f"{what}: what answers there is no API server", reason="ApiServerUnreachable")
        return found

    def _authorization(self) -> dict[str, str]:
        settings = self._credentials.auth_settings()
        return {each["key"]: each["value"] for each in settings.values() if each["in"] == "header" and each["value"]}


def connect(cluster: Any) -> KarpenterClient:
    """Return a client for the cluster of ``Context.cluster``, which only needs the attribute ``configuration``.

    Raises:
        ConfigError: there is no cluster.
    """
    if cluster is None:
        raise ConfigError(
            "the provisioner karpenter needs a cluster", hint="use --target kubernetes", reason="NoCluster"
        )
    return KarpenterClient(cluster.configuration)


def ours(objects: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the objects that LLMwright applied, and not KAITO's own objects with the same labels."""
    for item in objects:
        if any(entry.get("manager") == MANAGER for entry in item["metadata"].get("managedFields") or ()):
            yield item


def labels_of(item: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the labels of an object, none where it has none."""
    return item["metadata"].get("labels") or {}


def _object(data: bytes) -> dict[str, Any] | None:
    """Return the JSON object of an answer; None for anything else."""
    try:
        found = json.loads(data)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _refusal(what: str, status: int, data: bytes, retry_after: str | None) -> TargetError:
    answer = _object(data) or {}
    message = answer.get("message") or data[:200].decode(errors="replace") or f"status {status}"
    if status == 404:
        hint = "install Karpenter's CRDs, or choose another provisioner"
        return TargetError(f"{what}: {message}", hint=hint, reason="KarpenterMissing")
    wait_s = float(retry_after) if retry_after and retry_after.isdecimal() else None
    return TargetError(f"{what}: {message}", reason=answer.get("reason") or "ApiServerError", retry_after_s=wait_s)
