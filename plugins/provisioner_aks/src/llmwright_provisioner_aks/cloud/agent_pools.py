"""The acts on agent pools: each starts what takes Azure minutes, and returns. What became of it is seen by the list."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from llmwright.errors import TargetError
from llmwright_provisioner_aks.attempts import ENDED, OPERATION
from llmwright_provisioner_aks.cloud.azure_errors import UNREACHABLE, WAIT_S, as_target_errors, is_unanswered
from llmwright_provisioner_aks.cloud.connection import Connection
from llmwright_provisioner_aks.cloud.pool_cache import PoolCache
from llmwright_provisioner_aks.refusals import REASONS
from llmwright_provisioner_aks.seen_pools import SeenCluster

Learned = dict[str, Any]

READ_ONLY = (
    "provisioningState", "powerState", "eTag", "currentOrchestratorVersion", "nodeImageVersion", "status",
)  # fmt: skip
"""Properties that AKS answers and does not take."""

_GOING = re.compile(r"\bDeleting\b")
"""The state of a pool in the refusal of a second deletion."""

LONGEST = 3000
"""The most characters of an operation's address that are kept: the state of a Workspace has 4 KiB."""

UNSURE = frozenset({UNREACHABLE, "PoolFailed"})
"""Reasons of errors after which a write may have been carried out: no answer, or one of a broken server."""

HEADERS = ("Azure-AsyncOperation", "Location")
"""Headers with the address that tells of an operation, the better one first."""


class AgentPools:
    """The agent pools of one cluster. Requests that Azure asked to put off are refused here, without a call."""

    def __init__(self, connection: Connection, clock: Callable[[], datetime]) -> None:
        self._connection, self._clock = connection, clock
        self._cache = PoolCache()
        self._not_before: datetime | None = None

    def refresh(self) -> SeenCluster:
        """Return all pools; asks Azure with one list, and only where what is known is too old.

        Raises:
            TargetError: Azure refused.
        """
        began = self._clock()
        if self._cache.is_due(began):
            cluster = self._connection.cluster()
            with self._calling("listing the agent pools"):
                pools = self._connection.client().agent_pools.list(cluster.group, cluster.name)
                items = [pool.as_dict() for pool in pools]
            self._cache.fill(items, began)
        return self._cache.cluster()

    def hurry(self) -> None:
        """Have a refresh ask Azure as soon as while pools change."""
        self._cache.hurry()

    def emptied(self, going: Mapping[str, int]) -> frozenset[str]:
        """Return which of the pools that are being deleted have lost their last node since they were listed."""
        return self._cache.emptied(going)

    def look(self, names: Collection[str]) -> Learned:
        """Have the next refresh ask Azure whether these pools are gone."""
        self._cache.look(names)
        return {}

    def refuse(self, name: str) -> None:
        """Remember that a pool is not coming: it was refused before it was asked for."""
        self._cache.refuse(name, True)

    def create(self, name: str, body: Mapping[str, Any]) -> Learned:
        """Ask for a pool. One of that name that is there stays as it is.

        Raises:
            TargetError: Azure refused.
        """
        self._cache.refuse(name, False)
        try:
            return self._put(name, body, f"creating agent pool {name}", etag="*", match=MatchConditions.IfMissing)
        except TargetError as error:
            self._cache.refuse(name, error.reason not in UNSURE)
            raise

    def resize(self, name: str, count: int, bounds: tuple[int, int] | None, *, again: bool = False) -> Learned:
        """Ask for another number of nodes, or other bounds; all else of the pool stays as Azure has it.

        ``again`` only has the pool reconciled: its bounds stay too.

        Raises:
            TargetError: Azure refused.
        """
        item = self._cache.item(name) or self._get(name)
        if item is None:
            return {}
        properties = {key: value for key, value in (item.get("properties") or {}).items() if key not in READ_ONLY}
        if bounds is not None:
            properties |= {"enableAutoScaling": True, "minCount": bounds[0], "maxCount": bounds[1]}
            count = min(max(count, bounds[0]), bounds[1])
        elif not again and properties.get("enableAutoScaling"):
            properties |= {"enableAutoScaling": False, "minCount": None, "maxCount": None}
        etag = str((item.get("properties") or {}).get("eTag") or "")
        # Another writer's change since then must not be undone by this one: it is looked at first.
        match = MatchConditions.IfNotModified if etag else None
        body = {"properties": {**properties, "count": count}}
        return self._put(name, body, f"resizing agent pool {name}", etag=etag or None, match=match)

    def shrink(self, name: str, count: int, kept: Collection[str]) -> Learned:
        """Delete machines until ``count`` are left, and none of ``kept``; where fewer are there, ask for ``count``.

        Raises:
            TargetError: Azure refused.
        """
        machines = self._machines(name)
        spare = [machine for machine in machines if machine not in kept]
        spare = spare[: max(len(machines) - count, 0)]
        # A machine that was evicted is gone, and still counted.
        return self._delete_machines(name, spare) if spare else self.resize(name, count, None)

    def repair(self, name: str, count: int, kept: Collection[str]) -> Learned:
        """Delete the machines that are none of ``kept``; where there are none, ask for ``count``.

        Raises:
            TargetError: Azure refused.
        """
        lost = [machine for machine in self._machines(name) if machine not in kept]
        return self._delete_machines(name, lost) if lost else self.resize(name, count, None, again=True)

    def delete(self, name: str) -> Learned:
        """Delete a pool; nothing where there is none.

        Raises:
            TargetError: Azure refused.
        """
        cluster, learned = self._connection.cluster(), Learned()
        with self._calling(f"deleting agent pool {name}"):
            try:
                self._connection.client().agent_pools.begin_delete(
                    cluster.group, cluster.name, name, polling=False, raw_response_hook=_operation_into(learned)
                )
            except ResourceNotFoundError:
                # Pool or cluster: the list tells which, where this one is still shown.
                self._cache.doubt()
                return {}
            except HttpResponseError as error:
                if error.status_code != 409 or not _GOING.search(str(error.message)):
                    raise
        self._cache.leave(name, self._clock())
        return learned

    def ask(self, name: str, operation: str) -> Learned:
        """Return how an operation on a pool ended, under the key ``ended``: ``Unknown`` where Azure does not tell it.

        Raises:
            TargetError: Azure is not reached, or answers nobody for now: that says nothing about the pool.
        """
        try:
            answer = self._connection.get(operation)
        except TargetError as error:
            if not is_unanswered(error):
                return {ENDED: {"status": "Unknown", "message": error.message}}
            if error.reason in ("Throttled", REASONS["auth"]):
                raise
            message = f"cannot reach Azure to ask how the operation on agent pool {name} ended, tries again"
            raise TargetError(
                f"{message}: {error.message}", hint=error.hint, reason=UNREACHABLE, retry_after_s=WAIT_S
            ) from error
        status = str(answer.get("status") or "Succeeded")
        if status not in ("Failed", "Canceled", "Succeeded"):
            return {OPERATION: operation}
        cause = answer.get("error") or {}
        code, message = str(cause.get("code") or ""), str(cause.get("message") or "")
        return {ENDED: {"status": status, "code": code, "message": message[:500]}}

    def _put(
        self, name: str, body: Mapping[str, Any], what: str, *, etag: str | None, match: MatchConditions | None
    ) -> Learned:
        cluster, learned = self._connection.cluster(), Learned()
        with self._calling(what):
            try:
                poller = self._connection.client().agent_pools.begin_create_or_update(
                    cluster.group, cluster.name, name, dict(body),
                    etag=etag, match_condition=match, polling=False, raw_response_hook=_operation_into(learned),
                )  # fmt: skip
            except HttpResponseError as error:
                if error.status_code != 412:
                    raise
                # It is there already, or somebody changed it: what it is now decides what to do.
                self._cache.doubt()
                return {}
        self._cache.write(name, poller.result().as_dict(), self._clock())
        return learned

    def _get(self, name: str) -> Mapping[str, Any] | None:
        cluster = self._connection.cluster()
        with self._calling(f"looking at agent pool {name}"):
            try:
                return dict(self._connection.client().agent_pools.get(cluster.group, cluster.name, name).as_dict())
            except ResourceNotFoundError:
                self._cache.doubt()
                return None

    def _machines(self, name: str) -> list[str]:
        cluster = self._connection.cluster()
        with self._calling(f"listing the machines of agent pool {name}"):
            try:
                machines = self._connection.client().machines.list(cluster.group, cluster.name, name)
                return sorted(str(machine.name) for machine in machines)
            except ResourceNotFoundError:
                self._cache.doubt()
                return []

    def _delete_machines(self, name: str, machines: list[str]) -> Learned:
        cluster, learned = self._connection.cluster(), Learned()
        with self._calling(f"deleting machines of agent pool {name}"):
            self._connection.client().agent_pools.begin_delete_machines(
                cluster.group, cluster.name, name, {"machineNames": machines},
                polling=False, raw_response_hook=_operation_into(learned),
            )  # fmt: skip
        self._cache.doubt()
        return learned

    @contextmanager
    def _calling(self, what: str) -> Iterator[None]:
        """Make one call, unless Azure asked to be left alone; whatever goes wrong leaves what is there in doubt."""
        now = self._clock()
        if self._not_before is not None and now < self._not_before:
            rest_s = (self._not_before - now).total_seconds()
            message = f"{what}: Azure asked to be left alone for {rest_s:.0f} s"
            raise TargetError(message, reason="Throttled", retry_after_s=rest_s)
        try:
            with as_target_errors(what):
                yield
        except TargetError as error:
            if error.reason in UNSURE or error.reason == "OperationInProgress":
                self._cache.doubt()
            if error.reason == "Throttled" and error.retry_after_s:
                self._not_before = now + timedelta(seconds=error.retry_after_s)
            raise


def _operation_into(learned: Learned) -> Callable[[Any], None]:
    """Return a hook that puts the address of the operation that a request started into ``learned``."""

    def hook(response: Any) -> None:
        headers = response.http_response.headers
        address = next((headers[name] for name in HEADERS if headers.get(name)), "")
        if address and len(address) <= LONGEST:
            learned[OPERATION] = address

    return hook
