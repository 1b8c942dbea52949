"""Deleting a Workspace of a cluster, and waiting until its operator has given everything back."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from llmwright.errors import NotYet
from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_errors import CONFLICT, NOT_FOUND, ApiError
from llmwright.targets.kubernetes.cluster.api_resources import WORKSPACES
from llmwright.targets.kubernetes.commands.access import Access
from llmwright.targets.kubernetes.operator.report.status_patch import FINALIZER
from llmwright.targets.workspace_target import Tell

POLL_S = 0.5
PROGRESS_S = 2.0
ATTEMPTS = 10
SILENCE_S = 15.0
"""After so long without a word of an operator, it is said that none seems to run."""


class Deletion:
    """The deletion of one Workspace, and of no other of the same name."""

    def __init__(self, access: Access, live: Mapping[str, Any]) -> None:
        self._access, metadata = access, live["metadata"]
        self._namespace, self._name, self._uid = metadata["namespace"], metadata["name"], metadata["uid"]

    def ask(self, *, force: bool) -> None:
        """Ask the API server; with ``force`` take the operator's finalizer off, so that nobody is waited for."""
        self._access.ask(lambda api: api.delete(WORKSPACES, self._namespace, self._name, self._uid))
        if force:
            self._access.ask(self._release)

    def wait(self, timeout_s: float | None, tell: Tell) -> None:
        """Return once it is gone.

        Raises:
            NotYet: it is still there after ``timeout_s``.
        """
        access = self._access.patient(timeout_s)
        begun, told, due = time.monotonic(), "", PROGRESS_S
        while True:
            live = access.find_workspace(self._namespace, self._name)
            if live is None or live["metadata"]["uid"] != self._uid:
                return
            passed = time.monotonic() - begun
            if timeout_s is not None and passed >= timeout_s:
                raise NotYet(f"{self._namespace}/{self._name}: delete does not hold after {timeout_s:g} s")
            words = _progress(live) or self._silence(passed)
            if passed >= due and words and words != told:
                tell(f"{self._namespace}/{self._name}: {words}")
                told, due = words, passed + PROGRESS_S
            time.sleep(POLL_S)

    def _silence(self, passed_s: float) -> str:
        if passed_s < SILENCE_S:
            return ""
        doctor = self._access.same_place.command("doctor")
        return f"no operator has answered; see that it runs: `{doctor}`"

    def _release(self, api: Api) -> None:
        """Take the finalizer off. The operator may write meanwhile: then the object is read anew."""
        for attempt in range(1, ATTEMPTS + 1):
            live = api.find(WORKSPACES, self._namespace, self._name)
            if live is None or live["metadata"]["uid"] != self._uid:
                return
            others = [name for name in live["metadata"].get("finalizers") or () if name != FINALIZER]
            version = live["metadata"]["resourceVersion"]
            patch = {"metadata": {"finalizers": others or None, "resourceVersion": version}}
            try:
                api.merge(WORKSPACES, self._namespace, self._name, patch)
            except ApiError as error:
                if error.code == NOT_FOUND:
                    return
                if error.code != CONFLICT or attempt == ATTEMPTS:
                    raise
            else:
                return


def _progress(live: Mapping[str, Any]) -> str:
    """Return what is waited for, as the operator tells it."""
    conditions = (live.get("status") or {}).get("conditions") or ()
    told = next((each for each in conditions if each["type"] == "WorkspaceDeleting"), None)
    return str(told.get("message") or told.get("reason") or "") if told is not None else ""
