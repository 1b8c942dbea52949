"""The operator's memory of each Workspace between two passes: one record each, and one way to forget it.

All of it is a hint. Losing a record, as a restart does, costs some requests and seconds and harms nothing: the status
pins the Plan, objects carry digests of what they run, and the API server and the clouds answer again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from llmwright.api.scaling import replicas_of
from llmwright.api.status import Download, Progress, WorkspaceStatus
from llmwright.api.workspace import Workspace
from llmwright.lifecycle.decision import Provision, Release
from llmwright.lifecycle.observed import Role, Trouble
from llmwright.plan.fixed_fields import UnappliedChange
from llmwright.targets.kubernetes.cluster.api_resources import Resource
from llmwright.targets.kubernetes.cluster.object_cache import Key
from llmwright.values.plan import Plan

MOST_FORMER = 64


@dataclass(frozen=True, slots=True)
class Planned:
    """The Plan, or why there is none, for one ``uid``, the digest ``inputs`` of what its user wrote, and ``replicas``.

    A ``fresh`` one is made again with every pass. One with ``retry_at``, on the monotonic clock, is made again after
    that. ``failures`` counts how often in a row making it broke. ``newer`` means that a plan made today would differ
    from the one on record, ``refused`` why there would be none today.
    """

    uid: str | None
    inputs: str
    replicas: int = 1
    plan: Plan | None = None
    trouble: Trouble | None = None
    fresh: bool = False
    retry_at: float | None = None
    failures: int = 0
    newer: bool = False
    refused: str = ""
    defaults: tuple[UnappliedChange, ...] = ()

    def holds_for(self, workspace: Workspace, inputs: str) -> bool:
        """Return whether it was made for this very Workspace, as it is written now."""
        over = self.retry_at is not None and time.monotonic() >= self.retry_at
        made_for = (self.uid, self.inputs, self.replicas)
        return made_for == (workspace.metadata.uid, inputs, replicas_of(workspace)) and not over


@dataclass(frozen=True, slots=True)
class Spending:
    """USD per hour of a Plan that counts against its namespace's limit; None where the price is unknown."""

    usd_per_hour: float | None


@dataclass(frozen=True, slots=True)
class ProvisionerRefusals:
    """How often in a row a provisioner's acts, or its other methods, failed, when last, why, and how long to rest.

    They count for one wish of the user, whose digest ``inputs`` is: another wish is tried at once.
    """

    attempts: int = 0
    failed_at: datetime | None = None
    trouble: Trouble | None = None
    rest: timedelta = timedelta()
    inputs: str = ""

    def rests(self, now: datetime, inputs: str) -> bool:
        """Return whether nothing is to be tried now for that wish."""
        return self.rest_s(now, inputs) > 0

    def rest_s(self, now: datetime, inputs: str) -> float:
        """Return for how many seconds nothing is to be tried for that wish; 0 where something may be tried now."""
        if self.failed_at is None or self.inputs != inputs:
            return 0.0
        return max((self.failed_at + self.rest - now).total_seconds(), 0.0)


@dataclass(frozen=True, slots=True)
class ActsDone:
    """The provisioner's acts that succeeded last, and until when (monotonic clock) the caches may not show it yet.

    ``inputs`` is the digest of the user's wish that they were for: for another wish they may be due again.
    """

    action: Provision | Release
    until: float
    inputs: str = ""

    def rest_s(self, action: Provision | Release, inputs: str) -> float:
        """Return for how many seconds these acts need not be done again; 0 where they were not done."""
        same = (self.action, self.inputs) == (action, inputs)
        return max(self.until - time.monotonic(), 0.0) if same else 0.0


@dataclass(frozen=True, slots=True)
class LearnedState:
    """The answers of a provisioner's acts: for its ``state``, beside that of the status."""

    state: Mapping[str, Any] = field(default_factory=dict)


NOTHING_LEARNED = LearnedState()


@dataclass(frozen=True, slots=True)
class RefusedObjects:
    """The digests of a role's objects of which the API server refused one, why, and until when (monotonic clock).

    ``other`` counts how often in a row they were other ones than those refused just before.
    """

    digests: tuple[str, ...]
    trouble: Trouble
    until: float
    other: int = 0


@dataclass(frozen=True, slots=True)
class PodVerdict:
    """The API server's answer about pods of that ``digest``: None or why not, until when it holds (monotonic clock).

    A ``passing`` trouble is no answer; ``failures`` counts the troubles in a row.
    """

    digest: str
    until: float
    trouble: Trouble | None = None
    passing: bool = False
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Contest:
    """How often somebody else changed what we had written, when last, and until when to rest (monotonic clock)."""

    changes: int = 0
    last: float = 0.0
    until: float = 0.0


@dataclass(frozen=True, slots=True)
class HeldStatus:
    """A status that waits to be written ``over`` the live one, since when (monotonic clock), and whether in a crowd."""

    over: Mapping[str, Any]
    status: WorkspaceStatus
    since: float
    crowded: bool


@dataclass(frozen=True, slots=True)
class ToldProgress:
    """The word of a pod about itself: the steps of its tuning, and the weights that it fetches now."""

    progress: Progress | None = None
    download: Download | None = None


NOTHING_TOLD = ToldProgress()


@dataclass(frozen=True, slots=True)
class PodAsked:
    """The last word of the pod of that ``uid``, and when it is to be asked again (monotonic clock).

    ``unreached`` is how often in a row it was not reached.
    """

    uid: str
    told: ToldProgress
    due: float
    unreached: int = 0


@dataclass(frozen=True, slots=True)
class UnreadConfig:
    """A ConfigMap that could not be read: how often in a row, why, and until when (monotonic clock) to rest."""

    attempts: int
    trouble: str
    until: float


@dataclass(frozen=True, slots=True, weakref_slot=True)
class ConfigFile:
    """The contents of a ConfigMap at one resource version."""

    version: str
    files: Mapping[str, str]


@dataclass(slots=True)
class WorkspaceMemory:
    """All that is remembered of one Workspace.

    ``acted`` is when the provisioner last acted, ``looked`` when its objects were last read past all caches, both on
    the monotonic clock. ``learned`` is what its acts returned and no status holds yet; ``shown`` is the part of it that
    the provisioner was last asked with, and ``offered`` whether it wanted to act then.

    A part is replaced as a whole, so that a pass and a task in the pool may use one record at once. A task takes its
    record when it is submitted: what it writes after the Workspace was forgotten goes nowhere.

    ``over_budget``: the namespace's limit keeps it from its nodes; ``asked_again`` counts how often room was made.
    ``broken_leaves`` counts the passes that broke while it was to go. ``drift`` holds a digest, by resource and name,
    of each object that the cluster keeps otherwise than applied. ``former_machines`` are kind and name of objects of
    its provisioner that are gone. ``own_status`` is the live status as our last write left it, or as it was last seen
    after somebody else's; the contests count such writes, to the status and to each object.
    """

    planned: Planned | None = None
    spending: Spending | None = None
    over_budget: bool = False
    asked_again: int = 0
    broken_leaves: int = 0
    refusals: ProvisionerRefusals = ProvisionerRefusals()
    driver_faults: ProvisionerRefusals = ProvisionerRefusals()
    acts_done: ActsDone | None = None
    acted: float = 0.0
    learned: LearnedState = NOTHING_LEARNED
    shown: LearnedState = NOTHING_LEARNED
    offered: bool = False
    looked: float | None = None
    refused_objects: dict[Role, RefusedObjects] = field(default_factory=dict)
    pod_verdict: PodVerdict | None = None
    drift: dict[tuple[Resource, str], str] = field(default_factory=dict)
    held_status: HeldStatus | None = None
    asked: dict[Role, PodAsked] = field(default_factory=dict)
    own_status: Mapping[str, Any] | None = None
    status_contest: Contest = Contest()
    object_contests: dict[tuple[Resource, str], Contest] = field(default_factory=dict)
    config_files: dict[str, ConfigFile] = field(default_factory=dict)
    unread_configs: dict[str, UnreadConfig] = field(default_factory=dict)
    former_machines: dict[tuple[str, str], None] = field(default_factory=dict)

    def note_former(self, kind: str, name: str) -> None:
        """Keep in mind an object of a provisioner that is gone, of the last ``MOST_FORMER``: Events may tell of it."""
        self.former_machines.pop((kind, name), None)
        self.former_machines[kind, name] = None
        while len(self.former_machines) > MOST_FORMER:
            self.former_machines.pop(next(iter(self.former_machines)), None)


class Memory:
    """The records of all Workspaces, by namespace and name."""

    def __init__(self) -> None:
        self._records: dict[Key, WorkspaceMemory] = {}
        self._lock = threading.Lock()

    def of(self, key: Key) -> WorkspaceMemory:
        """Return the record of a Workspace that is there; a new one where there is none."""
        with self._lock:
            return self._records.setdefault(key, WorkspaceMemory())

    def find(self, key: Key) -> WorkspaceMemory | None:
        """Return the record of a Workspace that may be gone."""
        return self._records.get(key)

    def with_former(self, kind: str, name: str) -> list[Key]:
        """Return the Workspaces whose provisioner had an object of that kind and name, which is gone."""
        with self._lock:
            records = list(self._records.items())
        return [key for key, record in records if (kind, name) in record.former_machines]

    def in_namespace(self, namespace: str) -> dict[Key, WorkspaceMemory]:
        """Return all records of one namespace."""
        with self._lock:
            return {key: record for key, record in self._records.items() if key[0] == namespace}

    def forget(self, key: Key) -> WorkspaceMemory | None:
        """Drop the record of a Workspace that is gone, and return it."""
        with self._lock:
            return self._records.pop(key, None)
