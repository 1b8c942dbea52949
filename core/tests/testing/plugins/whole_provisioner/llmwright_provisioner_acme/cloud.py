"""The cloud's API. Put yours here: machines are listed, created under a name of ours, and deleted."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from llmwright.errors import TargetError

REASONS = {401: "AuthorizationFailed", 402: "QuotaExceeded", 403: "AuthorizationFailed", 422: "InvalidRequest"}
TOKEN = "ACME_TOKEN"


@dataclass(frozen=True)
class Machine:
    """One machine: ``state`` is ``creating``, ``running`` or ``failed``; ``owner`` is the Workspace it was made for."""

    name: str
    owner: str
    state: str


@dataclass(frozen=True)
class Cloud:
    """A client. Its token is read from the environment for each call, and stands in no message."""

    endpoint: str

    def machines(self) -> tuple[Machine, ...]:
        """List all machines that this plugin made."""
        return tuple(Machine(row["name"], row["owner"], row["state"]) for row in self._call("GET", "/machines"))

    def create(self, name: str, owner: str, instance_type: str, labels: dict[str, str]) -> None:
        """Ask for a machine, whose node carries ``labels``. One of that name that is there stays as it is."""
        body = {"name": name, "owner": owner, "type": instance_type, "labels": labels}
        self._call("PUT", f"/machines/{name}", body)

    def delete(self, name: str) -> None:
        """Give a machine back. Nothing happens where there is none."""
        self._call("DELETE", f"/machines/{name}")

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"authorization": f"Bearer {os.environ.get(TOKEN, '')}", "content-type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.endpoint + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.loads(answer.read() or "null")
        except urllib.error.HTTPError as error:
            if error.code == 404 and method == "DELETE":
                return None
            message = f"{method} {path} was answered {error.code}: {error.read(500).decode(errors='replace')}"
            raise TargetError(message, reason=REASONS.get(error.code, "CloudFailed")) from error
        except (OSError, ValueError) as error:
            raise TargetError(f"{self.endpoint} does not answer: {error}", reason="CloudUnreachable") from error
