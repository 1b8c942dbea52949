"""Azure/gpu-provisioner's algorithm as far as ARM sees it, to count its calls on the same cloud.

Source: our notes on gpu-provisioner at c09a56c0, and karpenter core as it uses it. A NodeClaim is one agent pool of one node. Create: PUT,
then the Go SDK's ``PollUntilDone``: a poll after each Retry-After (30 s without one), and a GET of the pool at the end where the operation
was followed by Azure-AsyncOperation; a failed create is asked for again (1 s, doubled, at most 60 s) for 5 minutes, then the pool is deleted.
Two loops list all pools every 120 s as long as the controller runs: its own collection of garbage and karpenter core's. Delete: DELETE, polls,
and a GET that finds nothing. Where the notes leave a call open (a GET before the DELETE), it is left out here, in gpu-provisioner's favour.
"""  # noqa: E501

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast

from tests.arm.support.asking import A100, POOLS, Asking
from tests.arm.support.clock import ManualClock
from tests.arm.support.cloud import Cloud, Cluster
from tests.arm.support.wire import Answer, Json

LIST_EVERY_S = 120
POLL_S = 30
LAUNCH_TIMEOUT_S = 300
GARBAGE_AFTER_S = 30
REQUEUE_S = 5
CREATED_LABEL = "kaito.sh/creation-timestamp"
CREATED_FORMAT = "%Y-%m-%dT%H-%M-%SZ"
OWNERS = ("kaito.sh/workspace", "kaito.sh/ragengine")
Steps = Generator[float, None, None]
"""Work that yields how many seconds it waits."""


def is_managed(pool: Json) -> bool:
    """Return whether gpu-provisioner takes the pool (as ARM shows it) for one of its own."""
    labels = pool["properties"].get("nodeLabels") or {}
    return any(owner in labels for owner in OWNERS) and "karpenter.sh/nodepool" in labels


def garbage(pools: Iterable[Json], claims: Iterable[str], now: datetime) -> list[str]:
    """Return the names of the pools that its collector deletes: its own ones of which no NodeClaim of that name is left."""  # noqa: E501
    kept = {*claims}
    return [
        pool["name"]
        for pool in pools
        if is_managed(pool) and pool["name"] not in kept and _age_s(pool, now) >= GARBAGE_AFTER_S
    ]


def _age_s(pool: Json, now: datetime) -> float:
    created = pool["properties"]["nodeLabels"].get(CREATED_LABEL)
    if created is None:
        return float("inf")
    return (now - datetime.strptime(created, CREATED_FORMAT).replace(tzinfo=now.tzinfo)).total_seconds()


@dataclass
class GpuProvisioner:
    """The controller on one cluster of a cloud with a ManualClock."""

    cloud: Cloud
    cluster: Cluster
    given_up: list[str] = field(default_factory=list)

    def lifecycle(self, count: int = 1, *, held_s: float = 600, workspaces: int = 1) -> Counter[str]:
        """Return the calls of ``workspaces`` Workspaces of ``count`` nodes each: made, held for ``held_s``, and deleted.

        All begin together. The clock is ``held_s`` past the last pool's end of creation when they are deleted.
        """  # noqa: E501
        before = len(self.cloud.calls)
        names = [f"ws{number:09x}" for number in range(count * workspaces)]
        self._run([self._create(name) for name in names], then_s=held_s)
        self._run([self._delete(name) for name in names if name in self.cluster.pools])
        return self.cloud.counts(before)

    def _run(self, work: list[Steps], then_s: float = 0) -> None:
        """Carry ``work`` out side by side, with the two loops beside it, and let ``then_s`` pass after it."""
        clock = cast(ManualClock, self.cloud.clock)
        order = itertools.count()
        loops = [self._list_loop(), self._list_loop()]
        due = [(clock.now(), next(order), steps) for steps in (*loops, *work)]
        left, end = len(work), None if work else clock.now()
        while due and (left or end is None or due[0][0] <= end):
            moment, _, steps = heapq.heappop(due)
            clock.advance_to(moment)
            try:
                wait = next(steps)
            except StopIteration:
                left -= 1
                end = clock.now() + timedelta(seconds=then_s)
            else:
                heapq.heappush(due, (clock.now() + timedelta(seconds=wait), next(order), steps))
        clock.advance_to(end or clock.now())

    def _list_loop(self) -> Steps:
        while True:
            yield LIST_EVERY_S
            Asking(self.cloud).ask("GET", POOLS)

    def _create(self, name: str) -> Steps:
        started, wait = self.cloud.now(), 1.0
        stamp = started.strftime(CREATED_FORMAT)
        labels = {"karpenter.sh/nodepool": "kaito", "kaito.sh/workspace": name, CREATED_LABEL: stamp}
        while (self.cloud.now() - started).total_seconds() < LAUNCH_TIMEOUT_S:
            answer = Asking(self.cloud).put(name, vmSize=A100, nodeLabels=labels)
            ended: list[bool] = []
            if answer.status in (200, 201):
                yield from self._poll(answer, ended)
            if ended == [True]:
                if "Azure-AsyncOperation" in answer.headers:
                    Asking(self.cloud).get(name)
                return
            yield wait
            wait = min(2 * wait, 60)
        self.given_up.append(name)
        yield from self._delete(name)

    def _delete(self, name: str) -> Steps:
        yield 0
        answer = Asking(self.cloud).delete(name)
        if answer.status == 202:
            yield from self._poll(answer, [])
        yield REQUEUE_S
        while Asking(self.cloud).get(name).status != 404:
            yield REQUEUE_S

    def _poll(self, accepted: Answer, ended: list[bool]) -> Steps:
        """Follow an operation to its end, and tell ``ended`` whether it succeeded."""
        url = accepted.headers.get("Azure-AsyncOperation") or accepted.headers["Location"]
        path = url.partition(f"/subscriptions/{self.cloud.subscription}")[2].partition("?")[0]
        answer = accepted
        while True:
            yield float(answer.headers.get("Retry-After", POLL_S)) or POLL_S
            answer = Asking(self.cloud).ask("GET", path)
            status = str((answer.body or {}).get("status", ""))
            if answer.status >= 400 or status in ("Failed", "Canceled"):
                ended.append(False)
                return
            if status == "Succeeded" or (answer.status in (200, 204) and not status):
                ended.append(True)
                return
