"""What tests of the admission webhook need besides an operator: quick requests, and a relay in front of replicas."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import socket
import ssl
import subprocess
import threading
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from llmwright.targets.kubernetes.cluster.api_resources import WEBHOOK_CONFIGURATION, WEBHOOK_CONFIGURATIONS
from llmwright.testing.cluster import Cluster

Object = dict[str, Any]

CONFIGURATION = WEBHOOK_CONFIGURATIONS.path(None, WEBHOOK_CONFIGURATION)
BEGIN = b"-----BEGIN CERTIFICATE-----"


@dataclass(frozen=True)
class Said:
    """An answer of the API server: the object or the Status, and its warnings."""

    code: int
    body: Object
    warnings: list[str] = field(default_factory=list)

    @property
    def message(self) -> str:
        """Of a Status."""
        return str(self.body.get("message", ""))

    @property
    def causes(self) -> list[tuple[str, str]]:
        """Field and reason of each cause of a refusal."""
        causes = (self.body.get("details") or {}).get("causes") or []
        return [(one.get("field", ""), one.get("reason", "")) for one in causes]


class Requests:
    """Requests of an administrator over one connection, much cheaper than ``kubectl``."""

    def __init__(self, plane: Cluster) -> None:
        context = ssl.create_default_context(cafile=str(plane.folder / "ca.crt"))
        context.load_cert_chain(plane.folder / "admin.crt", plane.folder / "admin.key")
        address = urlsplit(plane.url)
        self._connection = http.client.HTTPSConnection(str(address.hostname), address.port, context=context, timeout=60)

    def send(self, method: str, path: str, body: Object | None = None, media_type: str = "application/json") -> Said:
        """One request, and what came back."""
        data = None if body is None else json.dumps(body)
        self._connection.request(method, path, data, {"Content-Type": media_type, "Accept": "application/json"})
        response = self._connection.getresponse()
        found = json.loads(response.read() or b"{}")
        return Said(response.status, found, response.headers.get_all("Warning") or [])

    def create(self, workspace: Object, *, dry: bool = True) -> Said:
        """As ``kubectl create`` does, by default with ``--dry-run=server``."""
        return self.send("POST", f"{path_of(workspace, named=False)}?{_options(dry)}", workspace)

    def replace(self, workspace: Object, *, dry: bool = True) -> Said:
        """The whole object, whatever it was."""
        about = {"resourceVersion": self.send("GET", path_of(workspace)).body["metadata"]["resourceVersion"]}
        changed = {**workspace, "metadata": {**workspace["metadata"], **about}}
        return self.send("PUT", f"{path_of(workspace)}?{_options(dry)}", changed)

    def merge(self, workspace: Object, patch: Object, *, dry: bool = False) -> Said:
        """A merge patch."""
        path = f"{path_of(workspace)}?{_options(dry)}"
        return self.send("PATCH", path, patch, "application/merge-patch+json")

    def delete(self, workspace: Object) -> Said:
        """Ask it to go."""
        return self.send("DELETE", path_of(workspace))

    def trusted(self) -> list[bytes]:
        """The certificates of the webhook's bundle; none where there is no configuration."""
        webhooks = self.send("GET", CONFIGURATION).body.get("webhooks") or [{}]
        bundle = base64.b64decode((webhooks[0].get("clientConfig") or {}).get("caBundle") or "")
        return [BEGIN + one for one in bundle.split(BEGIN)[1:]]

    def close(self) -> None:
        """Ask no more."""
        self._connection.close()


def path_of(workspace: Object, *, named: bool = True) -> str:
    """Where a Workspace lies, in its own version."""
    metadata = workspace["metadata"]
    path = f"/apis/{workspace['apiVersion']}/namespaces/{metadata['namespace']}/workspaces"
    return f"{path}/{metadata['name']}" if named else path


def _options(dry: bool) -> str:
    return "fieldValidation=Strict&dryRun=All" if dry else "fieldValidation=Strict"


def applied(plane: Cluster, *workspaces: Object) -> tuple[int, str]:
    """Exit code of a plain ``kubectl apply``, and all that a user sees."""
    command = [str(plane.programs.assets / "kubectl"), f"--kubeconfig={plane.kubeconfig}", "apply", "-f", "-"]
    items = {"apiVersion": "v1", "kind": "List", "items": [*workspaces]}
    done = subprocess.run(command, input=json.dumps(items), capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


class Relay:
    """One port in front of several, as a Service is: connections take turns among those that take them."""

    def __init__(self, *ports: int) -> None:
        self._ports, self._turn = ports, count()
        self._listening = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listening.getsockname()[1])

    def stop(self) -> None:
        """Take no more connections."""
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._lead, args=(client,), daemon=True).start()

    def _lead(self, client: socket.socket) -> None:
        first = next(self._turn)
        for number in range(len(self._ports)):
            port = self._ports[(first + number) % len(self._ports)]
            try:
                server = socket.create_connection(("127.0.0.1", port), 10)
            except OSError:
                continue
            there = threading.Thread(target=_copy, args=(client, server), daemon=True)
            there.start()
            _copy(server, client)
            there.join()
            server.close()
            break
        client.close()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for one in (source, sink):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
