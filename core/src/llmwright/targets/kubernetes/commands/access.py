"""A cluster as a person reaches it: requests wait for an API server that is away, and refusals say what to do."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any, TypeVar

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
from llmwright.targets.kubernetes.cluster.api_resources import WORKSPACES
from llmwright.targets.workspace_target import Tell
from llmwright.values.same_place import SamePlace

T = TypeVar("T")

PATIENCE_S = 10.0
"""How long a command that reads once waits for an API server that does not answer."""
PAUSE_S = 0.5

UNSETTLED = frozenset({UNAUTHORIZED, FORBIDDEN, NOT_FOUND, 500})
SETTLES_S = 5.0
"""Refusals of an API server that has just come back, and has not read its roles and definitions yet; and how long they
are no refusals."""

AWAY = frozenset({UNREACHABLE, TOO_MANY, 502, 503, 504})
"""Answers, or none, of an API server that may do as it is asked a moment later."""

DENIED = re.compile(
    r'User "(?P<user>[^"]+)" cannot (?P<verb>\w+) resource "(?P<resource>[^"]+)" in API group "(?P<group>[^"]*)"'
    r'(?: in the namespace "(?P<namespace>[^"]+)")?'
)
ACCOUNT = re.compile(r"system:serviceaccount:(?P<namespace>[^:]+):(?P<name>[^:]+)")
READING = frozenset({"get", "list", "watch"})
OURS = "kaito.sh"
ANONYMOUS = "system:anonymous"
ADMINISTRATOR = "cluster-admin"
BUILT_IN_GROUPS = frozenset({"", "apps", "autoscaling", "batch", "networking.k8s.io", "policy"})
"""The groups of which `view` and `edit` have rights (https://kubernetes.io/docs/reference/access-authn-authz/rbac/)."""
CLUSTER_WIDE = frozenset({"nodes", "persistentvolumes"})
"""Kinds of those groups that lie in no namespace."""
UNTRUSTED = "CERTIFICATE_VERIFY_FAILED"
"""In OpenSSL's words about a certificate that nobody vouches for."""


class Access:
    """Sends requests of a command to one cluster.

    Args:
        patience_s: how long an API server that does not answer is waited for; None waits without end.
        tell: takes the line that it is waited for.
    """

    def __init__(self, api: Api, tell: Tell, patience_s: float | None = PATIENCE_S) -> None:
        self.api = api
        self._tell, self._patience_s = tell, patience_s
        self._hidden: set[str] = set()
        """Hints of what was left out and told."""

    @property
    def same_place(self) -> SamePlace:
        """For the commands that messages propose."""
        return self.api.same_place

    def patient(self, patience_s: float | None) -> Access:
        """Return the same access with another patience."""
        return Access(self.api, self._tell, patience_s)

    def ask(self, request: Callable[[Api], T]) -> T:
        """Return the answer to ``request``, which may be sent more than once.

        Raises:
            TargetError: it is refused, or the API server does not answer in time.
        """
        until: float | None = None
        away = float("-inf")
        while True:
            try:
                answer = request(self.api)
            except ApiError as error:
                now = time.monotonic()
                passes = _may_pass(error) or (error.code in UNSETTLED and now < away + SETTLES_S)
                if not passes or self._patience_s == 0 or (until is not None and now >= until):
                    raise explained(error, self.api) from error
                if until is None:
                    # From the first failure on: a server that hangs takes as long as a whole patience to fail once.
                    until = float("inf") if self._patience_s is None else now + self._patience_s
                    self._tell(f"the API server {self.api.configuration.host} does not answer; waiting for it")
                away = now if _may_pass(error) else away
                time.sleep(max(PAUSE_S, error.retry_after_s or 0.0))
            else:
                if until is not None:
                    self._tell(f"the API server {self.api.configuration.host} answers again")
                return answer

    def ask_or(self, request: Callable[[Api], Any], otherwise: Any) -> Any:
        """Return the answer; ``otherwise`` where the cluster does not serve the kind, or this user may not read it.

        What may be read is shown all the same; what is left out is told once for each role that lacks.
        """
        try:
            return self.ask(request)
        except TargetError as error:
            cause = error.__cause__
            if not isinstance(cause, ApiError) or cause.code not in (FORBIDDEN, NOT_FOUND):
                raise
            role = error.hint.partition(":")[0]
            if cause.code == FORBIDDEN and role not in self._hidden:
                self._hidden.add(role)
                self._tell(f"not all is shown: {'; '.join(filter(None, (error.message, error.hint)))}")
            return otherwise

    def find_workspace(self, namespace: str, name: str) -> dict[str, Any] | None:
        """Return the Workspace as it is on the cluster; None where there is none of that name.

        Raises:
            TargetError: as ``ask``; with the reason ``NotInstalled`` where the cluster knows no Workspaces at all.
        """

        def find(api: Api) -> dict[str, Any] | None:
            try:
                return api.get(WORKSPACES, namespace, name)
            except ApiError as error:
                # Without the CRD the answer is 404 too, but nothing says that it is the object which is missing.
                if error.code == NOT_FOUND and error.reason == "NotFound":
                    return None
                raise

        return self.ask(find)


def _may_pass(error: ApiError) -> bool:
    """Return whether a moment later the answer may be another."""
    return error.code in AWAY and UNTRUSTED not in error.message


def explained(error: ApiError, api: Api) -> TargetError:
    """Return the error with what to do about it."""
    if error.code == FORBIDDEN and (refused := denied(error.message)):
        return refused
    words = error.message.partition(": ")[2] or error.message
    if UNTRUSTED in words:
        hint = "give the kubeconfig the certificate of that cluster's authority, or name another --context"
        return TargetError(f"the certificate of the API server {api.configuration.host} is not trusted: {words}",
                           hint=hint, reason="ApiServerUntrusted")  # fmt: skip
    if error.code == UNREACHABLE:
        hint = "see that it runs, and that --context and --kubeconfig name the right cluster"
        return TargetError(f"the API server {api.configuration.host} does not answer: {words}", hint=hint,
                           reason=error.reason)  # fmt: skip
    if error.code == UNAUTHORIZED:
        hint = "log in to the cluster again, or name another --context"
        return TargetError(f"the API server {api.configuration.host} does not know you: {words}", hint=hint,
                           reason=error.reason)  # fmt: skip
    if error.code == NOT_FOUND and error.reason != "NotFound":
        doctor = api.same_place.command("doctor")
        hint = f"install LLMwright there, or name another --context; `{doctor}` says more"
        return TargetError("the cluster does not serve workspaces.kaito.sh", hint=hint, reason="NotInstalled")
    hint = "read it again, and repeat the command" if error.code == CONFLICT else ""
    return TargetError(words, hint=hint, reason=error.reason)


def denied(text: str) -> TargetError | None:
    """Return what an API server's refusal means, in any program's words; None where ``text`` has none over rights."""
    found = DENIED.search(text)
    if found is None:
        return None
    return lacking_right(found["user"], found["verb"], found["group"], found["resource"], found["namespace"])


def lacking_right(user: str, verb: str, group: str, resource: str, namespace: str | None) -> TargetError:
    """Return the error of a user who lacks a right, with the ClusterRole that has it."""
    kind = f"{resource}.{group}" if group else resource
    where = f"in namespace {namespace}" if namespace else "in the whole cluster"
    role = role_for(group, resource, verb)
    account = ACCOUNT.fullmatch(user)
    who = f"--serviceaccount={account['namespace']}:{account['name']}" if account else f"--user={user}"
    binding = f"rolebinding llmwright-NAME -n {namespace}" if namespace else "clusterrolebinding llmwright-NAME"
    hint = f"the ClusterRole {role} has that right: `kubectl create {binding} --clusterrole={role} {who}`"
    if role == ADMINISTRATOR:
        # Nobody becomes an administrator for the sake of one right.
        alone = f"llmwright-{resource.replace('/', '-')}"
        made = f"kubectl create clusterrole {alone} --verb={verb} --resource={kind}"
        bound = f"kubectl create {binding} --clusterrole={alone} {who}"
        hint = f"neither view nor edit may {verb} {kind}; give that right alone: `{made} && {bound}`"
    if user == ANONYMOUS:
        hint = "the kubeconfig logs nobody in: log in to the cluster again, or name another --context"
    return TargetError(f"{user} may not {verb} {kind} {where}", hint=hint, reason="Forbidden")


def role_for(group: str, resource: str, verb: str) -> str:
    """Return the ClusterRole that an administrator gives for a right."""
    if group == OURS:
        return "llmwright-view" if verb in READING else "llmwright-edit"
    if group not in BUILT_IN_GROUPS or resource in CLUSTER_WIDE:
        return ADMINISTRATOR
    return "view" if verb in READING and resource != "secrets" else "edit"
