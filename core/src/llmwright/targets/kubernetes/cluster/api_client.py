"""Requests to one API server, with objects as plain JSON values."""

from __future__ import annotations

import copy
import json
import logging
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self, cast
from urllib.parse import urlencode

from llmwright.targets.kubernetes.cluster.answers import body_of, json_lines, json_object, lines
from llmwright.targets.kubernetes.cluster.api_errors import (
    CONFLICT,
    NOT_FOUND,
    UNAUTHORIZED,
    ApiError,
    refusal,
    unreachable,
)
from llmwright.targets.kubernetes.cluster.api_resources import PODS, Resource
from llmwright.targets.kubernetes.cluster.reach import Reach
from llmwright.values.same_place import SamePlace
from llmwright.version import __version__

if TYPE_CHECKING:
    from kubernetes.client import Configuration

Object = dict[str, Any]

log = logging.getLogger(__name__)

MANAGER = "llmwright"
"""The field manager of all that we apply."""

DRY_RUN = {"dryRun": "All"}
CONNECTIONS = 64
CONNECT_S = 10.0
ANSWER_S = 60.0
POD_ANSWER_S = 5.0
TEXT_BYTES = 4096
CREDENTIALS_S = 10.0
"""How long a token is used before we ask the client for it again, unless the server refuses it earlier. To ask costs a
fifth of a request's time."""
WATCH_SILENCE_S = 150.0
"""Bookmarks come about once a minute, so a watch that is silent for so long is lost."""

METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
METADATA_EVENTS = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"


class Api:
    """Client of one API server. Each method sends one request, and raises ApiError if it fails. None retries."""

    _answer_s = ANSWER_S

    def __init__(self, configuration: Configuration, same_place: SamePlace | None = None) -> None:
        """``same_place`` is how its user reached it; by default without any option."""
        import urllib3
        from kubernetes.client import ApiClient

        configuration.connection_pool_maxsize = CONNECTIONS
        if not configuration.verify_ssl:
            log.warning("the API server's certificate is not verified, as the kubeconfig says")
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        self.configuration = configuration
        """For a driver that needs a client of its own for the same cluster."""
        self.same_place = same_place or SamePlace()
        """For the commands that messages propose."""
        self._host = str(configuration.host).rstrip("/")
        self.reach = Reach(self._host)
        """How requests were answered, and whether the API server answers at all."""
        self._credentials: dict[str, str] = {}
        self._credentials_until = 0.0
        self._pool: urllib3.PoolManager = ApiClient(configuration).rest_client.pool_manager
        _share_tls(self._pool.connection_pool_kw)

    def answering_within(self, seconds: float) -> Self:
        """Return a client of the same API server that waits no longer for the answer to a request for objects."""
        other = copy.copy(self)
        other._answer_s = seconds
        return other

    def get(self, resource: Resource, namespace: str | None, name: str) -> Object:
        """Return one object."""
        return self._json("GET", resource.path(namespace, name))

    def find(self, resource: Resource, namespace: str | None, name: str) -> Object | None:
        """Return one object; None where there is none."""
        try:
            return self.get(resource, namespace, name)
        except ApiError as error:
            if error.code == NOT_FOUND:
                return None
            raise

    def kinds(self, api_version: str) -> list[Object]:
        """Return the kinds that the cluster serves in a version of a group; empty where it has no such version."""
        path = f"/{'apis' if '/' in api_version else 'api'}/{api_version}"
        try:
            return list(self._json("GET", path).get("resources") or [])
        except ApiError as error:
            if error.code == NOT_FOUND:
                return []
            raise

    def version(self) -> str:
        """Return the release of Kubernetes, such as ``v1.34.4``."""
        return str(self._json("GET", "/version").get("gitVersion") or "")

    def pod_answer(self, namespace: str, pod: str, port: int, path: str) -> tuple[int, str]:
        """Return status code and text of what a pod answers over HTTP to the API server, which hands it on."""
        url = PODS.path(namespace, f"{pod}:{port}", f"proxy{path}")
        response = self._send("GET", url, None, self._headers("*/*"), POD_ANSWER_S)
        try:
            return response.status, body_of(response, f"GET {url}", TEXT_BYTES).decode(errors="replace")
        finally:
            # What is left of a long answer: the connection is of no more use.
            response.close()

    def page(
        self,
        resource: Resource,
        query: Mapping[str, str],
        *,
        metadata_only: bool = False,
        namespace: str | None = None,
    ) -> Object:
        """Return one page of the list of the objects of one namespace, or of all."""
        accept = f"{METADATA_ONLY}, application/json" if metadata_only else "application/json"
        return self._json("GET", resource.path(namespace), query=query, accept=accept)

    def log_lines(self, namespace: str, pod: str, query: Mapping[str, str]) -> Iterator[str]:
        """Yield the lines that a container wrote; with ``follow=true`` also those to come."""
        path = f"{PODS.path(namespace, pod, 'log')}?{urlencode(query)}"
        response = self._send("GET", path, None, self._headers("*/*"), WATCH_SILENCE_S)
        try:
            if response.status >= 400:
                request = f"GET {path.partition('?')[0]}"
                raise refusal(request, response.status, body_of(response, request), response.headers)
            for line in lines(response, f"logs of {pod}", last=True):
                yield line.decode(errors="replace")
        finally:
            response.close()

    def watch(
        self,
        resource: Resource,
        query: Mapping[str, str],
        *,
        metadata_only: bool = False,
        namespace: str | None = None,
    ) -> Iterator[Object]:
        """Yield the watch events of the objects of one namespace, or of all, until the stream ends."""
        path = f"{resource.path(namespace)}?{urlencode({**query, 'watch': 'true', 'allowWatchBookmarks': 'true'})}"
        accept = f"{METADATA_EVENTS}, application/json" if metadata_only else "application/json"
        response = self._send("GET", path, None, self._headers(accept), WATCH_SILENCE_S)
        try:
            if response.status >= 400:
                request = f"watch {resource}"
                raise refusal(request, response.status, body_of(response, request), response.headers)
            yield from json_lines(response, f"watch {resource}")
        finally:
            response.close()

    def apply(
        self, resource: Resource, body: Mapping[str, Any], *, manager: str = MANAGER, dry_run: bool = False
    ) -> Object:
        """Apply ``body`` server-side: its fields become ours, also those that another field manager owned before."""
        metadata = body["metadata"]
        path = resource.path(metadata.get("namespace"), metadata["name"])
        query = {"fieldManager": manager, "force": "true", **(DRY_RUN if dry_run else {})}
        return self._json("PATCH", path, body, query=query, content="application/apply-patch+yaml")

    def merge(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        patch: Mapping[str, Any],
        subresource: str = "",
        *,
        manager: str = MANAGER,
        dry_run: bool = False,
    ) -> Object:
        """Send a JSON merge patch, and return the object."""
        path = resource.path(namespace, name, subresource)
        query = {"fieldManager": manager, **(DRY_RUN if dry_run else {})}
        return self._json("PATCH", path, patch, query=query, content="application/merge-patch+json")

    def create(self, resource: Resource, body: Mapping[str, Any], *, dry_run: bool = False) -> Object:
        """Create an object, and return it. With ``dry_run`` it is only said whether it could be created."""
        path = resource.path(body["metadata"].get("namespace"))
        query = {"fieldManager": MANAGER, **({"dryRun": "All"} if dry_run else {})}
        return self._json("POST", path, body, query=query)

    def replace(self, resource: Resource, body: Mapping[str, Any]) -> Object:
        """Replace the whole object, if its resource version is still that of ``body``."""
        metadata = body["metadata"]
        return self._json("PUT", resource.path(metadata.get("namespace"), metadata["name"]), body)

    def delete(self, resource: Resource, namespace: str | None, name: str, uid: str | None = None) -> None:
        """Delete an object, and in the background what it owns. Do nothing if it is gone, or has another ``uid``."""
        options: Object = {"propagationPolicy": "Background"}
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        try:
            self._json("DELETE", resource.path(namespace, name), options)
        except ApiError as error:
            if error.code == NOT_FOUND or (error.code == CONFLICT and self._is_another(resource, namespace, name, uid)):
                return
            raise

    def _is_another(self, resource: Resource, namespace: str | None, name: str, uid: str | None) -> bool:
        """Return whether the object of that ``uid`` is gone. A conflict alone may have other causes."""
        live = self.find(resource, namespace, name)
        return uid is not None and (live is None or live["metadata"].get("uid") != uid)

    def _json(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        content: str = "application/json",
        accept: str = "application/json",
    ) -> Object:
        full = f"{path}?{urlencode(query)}" if query else path
        data = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        response = self._send(method, full, data, {**self._headers(accept), "Content-Type": content}, self._answer_s)
        answer = body_of(response, f"{method} {path}")
        if response.status >= 400:
            raise refusal(f"{method} {path}", response.status, answer, response.headers)
        response.release_conn()
        return json_object(answer, f"{method} {path}")

    def _send(self, method: str, path: str, body: bytes | None, headers: dict[str, str], answer_s: float) -> Any:
        import urllib3

        timeout = urllib3.Timeout(connect=min(CONNECT_S, answer_s), read=answer_s)
        try:
            response = self._pool.request(
                method,
                self._host + path,
                body=body,
                headers=headers,
                timeout=timeout,
                retries=False,
                preload_content=False,
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            self.reach.failed(method, error)
            raise unreachable(f"{method} {path.partition('?')[0]}", error) from error
        self.reach.answered(method, response.status)
        if response.status == UNAUTHORIZED:
            self._credentials_until = 0.0
        return response

    def _headers(self, accept: str) -> dict[str, str]:
        now = time.monotonic()
        if now >= self._credentials_until:
            settings = cast("dict[str, dict[str, str]]", self.configuration.auth_settings()).values()
            headers = {each["key"]: each["value"] for each in settings if each["in"] == "header"}
            self._credentials = {name: value for name, value in headers.items() if value}
            self._credentials_until = now + CREDENTIALS_S
        return {"Accept": accept, "User-Agent": f"{MANAGER}/{__version__}", **self._credentials}


def _share_tls(pool: dict[str, Any]) -> None:
    """Let all connections of a pool share one TLS context. urllib3 makes one for each, which takes 25 ms."""
    from urllib3.util import create_urllib3_context

    context = create_urllib3_context(cert_reqs=pool["cert_reqs"])
    file, data = pool.pop("ca_certs"), pool.pop("ca_cert_data")
    if file or data:
        context.load_verify_locations(cafile=file, cadata=data)
    elif pool["cert_reqs"]:
        context.load_default_certs()
    certificate, key = pool.pop("cert_file"), pool.pop("key_file")
    if certificate:
        context.load_cert_chain(certificate, key)
    pool["ssl_context"] = context
