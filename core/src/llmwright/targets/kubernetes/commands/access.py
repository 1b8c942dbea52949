"""A cluster as a person reaches it: requests wait for an API server that is away, and refusals say what to do."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TypeVar

from llmwright.errors import TargetError
from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_errors import (
    CONFLICT,
    FORBIDDEN,
    NOT_FOUND,
    TOO_MANY,
    UNAUTHORIZED,
    UNREACHABLE,
    ApiError,
)
from llmwright.targets.workspace_target import Tell

T = TypeVar("T")

PATIENCE_S = 10.0
"""How long a command that reads once waits for an API server that does not answer."""
PAUSE_S = 0.5

AWAY = frozenset({UNREACHABLE, TOO_MANY, 502, 503, 504})
"""Answers, or none, of an API server that may do as it is asked a moment later."""

DENIED = re.compile(
    r'User "(?P<user>[^"]+)" cannot (?P<verb>\w+) resource "(?P<resource>[^"]+)" in API group "(?P<group>[^"]*)"'
    r'(?: in the namespace "(?P<namespace>[^"]+)")?'
)
ACCOUNT = re.compile(r"system:serviceaccount:(?P<namespace>[^:]+):(?P<name>[^:]+)")
READING = frozenset({"get", "list", "watch"})
OURS = "kaito.sh"


class Access:
    """Sends requests of a command to one cluster.

    Args:
        patience_s: how long an API server that does not answer is waited for; None waits without end.
        tell: takes the line that it is waited for.
    """

    def __init__(self, api: Api, tell: Tell, patience_s: float | None = PATIENCE_S) -> None:
        self.api = api
        self._tell, self._patience_s = tell, patience_s

    def patient(self, patience_s: float | None) -> Access:
        """Return the same access with another patience."""
        return Access(self.api, self._tell, patience_s)

    def ask(self, request: Callable[[Api], T]) -> T:
        """Return the answer to ``request``, which may be sent more than once.

        Raises:
            TargetError: it is refused, or the API server does not answer in time.
        """
        until = None if self._patience_s is None else time.monotonic() + self._patience_s
        told = False
        while True:
            try:
                return request(self.api)
            except ApiError as error:
                if error.code not in AWAY or (until is not None and time.monotonic() >= until):
                    raise explained(error, self.api) from error
                if not told:
                    told = True
                    self._tell(f"the API server {self.api.configuration.host} does not answer; waiting for it")
                time.sleep(max(PAUSE_S, error.retry_after_s or 0.0))


def explained(error: ApiError, api: Api) -> TargetError:
    """Return the error with what to do about it."""
    if error.code == FORBIDDEN and (denied := DENIED.search(error.message)):
        return _denied(denied)
    words = error.message.partition(": ")[2] or error.message
    if error.code == UNREACHABLE:
        hint = "see that it runs, and that --context and --kubeconfig name the right cluster"
        return TargetError(f"the API server {api.configuration.host} does not answer: {words}", hint=hint,
                           reason=error.reason)  # fmt: skip
    if error.code == UNAUTHORIZED:
        hint = "log in to the cluster again, or name another --context"
        return TargetError(f"the API server {api.configuration.host} does not know you: {words}", hint=hint,
                           reason=error.reason)  # fmt: skip
    if error.code == NOT_FOUND and error.reason != "NotFound":
        hint = "install LLMwright there, or name another --context; `llmwright doctor --target kubernetes` says more"
        return TargetError("the cluster does not serve workspaces.kaito.sh", hint=hint, reason="NotInstalled")
    hint = "read it again, and repeat the command" if error.code == CONFLICT else ""
    return TargetError(words, hint=hint, reason=error.reason)


def _denied(denied: re.Match[str]) -> TargetError:
    user, verb, namespace = denied["user"], denied["verb"], denied["namespace"]
    resource = f"{denied['resource']}.{denied['group']}" if denied["group"] else denied["resource"]
    where = f"in namespace {namespace}" if namespace else "in the whole cluster"
    role = role_for(denied["group"], denied["resource"], verb)
    account = ACCOUNT.fullmatch(user)
    who = f"--serviceaccount={account['namespace']}:{account['name']}" if account else f"--user={user}"
    binding = f"rolebinding llmwright-NAME -n {namespace}" if namespace else "clusterrolebinding llmwright-NAME"
    return TargetError(
        f"{user} may not {verb} {resource} {where}",
        hint=f"the ClusterRole {role} has that right: `kubectl create {binding} --clusterrole={role} {who}`",
        reason="Forbidden",
    )


def role_for(group: str, resource: str, verb: str) -> str:
    """Return the ClusterRole that an administrator gives for a right."""
    if group == OURS:
        return "llmwright-view" if verb in READING else "llmwright-edit"
    if resource in ("nodes", "customresourcedefinitions", "nodeclaims", "nodepools"):
        return "cluster-admin"
    return "view" if verb in READING else "edit"
