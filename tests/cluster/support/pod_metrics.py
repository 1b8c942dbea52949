"""The API of custom metrics, as a Prometheus adapter serves it: each pod has the value that the test says."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from llmwright.targets.kubernetes.admission.certificates import issue, server_context
from llmwright.testing.cluster import Cluster

Object = dict[str, Any]

VERSION = "custom.metrics.k8s.io/v1beta2"
SERVICE = "pod-metrics"


@contextmanager
def pod_metrics(plane: Cluster, pods: list[str], values: dict[str, int]) -> Iterator[None]:
    """Have the API server offer ``values``, by the metric's name, for each of ``pods`` in ``default``."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, _, name = unquote(self.path.partition("?")[0]).rpartition("/")
            body = _values(pods, name, values[name]) if path.endswith("/pods/*") and name in values else _kinds(values)
            text = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    certificate = issue("localhost", timedelta(days=1), datetime.now(UTC))
    server.socket = server_context(certificate).wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    objects = _objects(server.server_port)
    plane.apply(*objects)
    try:
        yield
    finally:
        # First the API service: while nobody answers for it, the API server cannot say what it serves.
        for kind, name in (("apiservice", objects[1]["metadata"]["name"]), ("service", SERVICE)):
            plane.kubectl("delete", kind, name)
        server.shutdown()
        server.server_close()


def _objects(port: int) -> tuple[Object, Object]:
    group, _, version = VERSION.partition("/")
    spec = {"service": {"name": SERVICE, "namespace": "default", "port": port}, "insecureSkipTLSVerify": True}
    priority = {"group": group, "version": version, "groupPriorityMinimum": 100, "versionPriority": 100}
    return (
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": SERVICE, "namespace": "default"},
            "spec": {"type": "ExternalName", "externalName": "localhost"},
        },
        {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": f"{version}.{group}"},
            "spec": {**spec, **priority},
        },
    )


def _kinds(values: dict[str, int]) -> Object:
    listed = [
        {"name": f"pods/{name}", "singularName": "", "namespaced": True, "kind": "MetricValueList", "verbs": ["get"]}
        for name in values
    ]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": VERSION, "resources": listed}


def _values(pods: list[str], name: str, value: int) -> Object:
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    items = [
        {
            "describedObject": {"kind": "Pod", "namespace": "default", "name": pod, "apiVersion": "/v1"},
            "metric": {"name": name},
            "timestamp": at,
            "value": str(value),
        }
        for pod in pods
    ]
    return {"kind": "MetricValueList", "apiVersion": VERSION, "metadata": {}, "items": items}
