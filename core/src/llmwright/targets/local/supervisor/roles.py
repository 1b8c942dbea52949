"""The runners of one Workspace's roles (preflight, tuning, serving), and the record of what they do."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from llmwright.errors import TargetError
from llmwright.lifecycle.decision import Start
from llmwright.lifecycle.observed import Role, Workload
from llmwright.plugins.weights import DOWNLOADS
from llmwright.targets.local.launch.context import LaunchContext
from llmwright.targets.local.launch.run_transitions import after_lost_supervisor, after_wish, new_run, observed_workload
from llmwright.targets.local.launch.runner import RoleRunner
from llmwright.targets.local.launch.volume_directories import DATA
from llmwright.targets.local.options import LocalOptions
from llmwright.targets.local.process.leftovers import boot_id, end_leftovers
from llmwright.targets.local.process.log_files import progress_file
from llmwright.targets.local.process.probes import Submit
from llmwright.targets.local.store.supervisor_record import RoleRun, SupervisorRecord
from llmwright.targets.local.store.workspace_store import WorkspaceStore
from llmwright.targets.local.supervisor.download_progress import read_download
from llmwright.targets.local.supervisor.tuning_progress import read_progress
from llmwright.values.launch import Launch

log = logging.getLogger(__name__)

UNKNOWN = "unknown"
"""Stands for the digest of a tuning that left results and no record."""


class RoleRunners:
    """Starts, stops and observes the roles; keeps ``runs.json`` true."""

    def __init__(self, store: WorkspaceStore, options: LocalOptions, submit: Submit) -> None:
        self._store, self._options, self._submit = store, options, submit
        self._runners: dict[Role, RoleRunner] = {}
        self._ports: dict[str, int] = {}
        self._tuned = ""
        self._generation = 0
        self._record_before_drain: SupervisorRecord | None = None
        self._changes = 0

    def take_over(self, context: LaunchContext) -> None:
        """End the leftovers of the supervisor before, and go on from its record."""
        record = self._store.read_record_if_readable()
        # Before any start: else two trainers write one checkpoint, and a server finds its own port taken.
        end_leftovers(record, context.mark, self._store.supervisor_arguments)
        if record is None:
            # Results without a record may be another tuning's, whose checkpoints must not be taken up.
            self._tuned = UNKNOWN
            return
        self._tuned, self._generation = record.tuned, record.generation
        self._ports.update(record.ports)
        now = datetime.now(UTC)
        for run in record.runs:
            # A run that was being stopped has ended as a leftover: the lifecycle may start another.
            if run.phase != "stopping":
                self._add(after_lost_supervisor(run, now), context)
        self.save()

    def accept_generation(self, generation: int) -> None:
        """Let the user's change ``generation`` begin: what failed is tried again, with its data fetched again."""
        if generation == self._generation:
            return
        self._generation = generation
        now = datetime.now(UTC)
        for runner in self._runners.values():
            runner.run = after_wish(runner.run, now)
        if any(runner.run.phase == "failed" for runner in self._runners.values()):
            kept = {role: runner for role, runner in self._runners.items() if runner.run.phase != "failed"}
            if "tuning" not in kept:
                # Preflight fetches the data, in which the user may have mended the mistake.
                kept.pop("preflight", None)
            self._runners = kept
        self.save()

    def start(self, order: Start, context: LaunchContext) -> None:
        """Run the Launch of ``order``: at once, or after the role's present Launch has ended."""
        runner = self._runners.get(order.role)
        if runner is None:
            self._clear_volumes(order, context)
            run = new_run(order.role, order.launch, order.digest, order.inputs, datetime.now(UTC))
            self._add(run, context)
        elif runner.run.digest != order.digest:
            self.stop(order.role)
            return
        else:
            runner.run = replace(runner.run, inputs=order.inputs)
        self.save()

    def stop(self, role: Role) -> None:
        """Ask that role to end; do nothing where it does not run."""
        runner = self._runners.get(role)
        if runner is not None:
            runner.stop()

    def drain(self) -> None:
        """Ask all roles to end, and start none any more. The record stays: a later supervisor goes on from it."""
        self._record_before_drain = self._record_before_drain or self._record()
        for runner in self._runners.values():
            runner.stop()

    def step(self) -> None:
        """Do what is due in each role, and drop the roles that were stopped."""
        for role, runner in list(self._runners.items()):
            runner.step()
            if runner.stopped:
                del self._runners[role]
                self.save()

    def due_in_s(self) -> float | None:
        """Return the seconds until ``step`` is due again, None where only an event makes it due."""
        return min((due for runner in self._runners.values() if (due := runner.due_in_s()) is not None), default=None)

    @property
    def changes(self) -> int:
        """The number of changes so far: a decision made at a lower number has not seen the present."""
        return self._changes

    @property
    def draining(self) -> bool:
        """Whether ``drain`` was called."""
        return self._record_before_drain is not None

    @property
    def idle(self) -> bool:
        """Whether no process runs and none is about to start."""
        return all(runner.run.finished for runner in self._runners.values())

    @property
    def answers(self) -> bool:
        """Whether the server answers."""
        runner = self._runners.get("serving")
        return runner is not None and runner.run.phase == "ready"

    def workloads(self, context: LaunchContext) -> Mapping[Role, Workload]:
        """Return the roles as the lifecycle observes them."""
        return {role: self._observe(runner, context) for role, runner in self._runners.items()}

    def save(self) -> None:
        """Write the record. A disk that refuses goes to the log; the next change tries again."""
        self._changes += 1
        try:
            self._store.write_record(self._record())
        except TargetError as error:
            log.error("%s", error.message)

    def record_settled(self) -> None:
        """Record that nothing is left to do for the present generation.

        Raises:
            TargetError: the record cannot be written.
        """
        self._store.write_record(replace(self._record(), settled=True))

    def _observe(self, runner: RoleRunner, context: LaunchContext) -> Workload:
        workload = observed_workload(runner.run, self._options)
        if runner.run.phase == "running" and runner.run.process.name in DOWNLOADS:
            file = progress_file(self._store.logs, runner.run.role, runner.run.process.name)
            workload = replace(workload, download=read_download(file))
        if runner.run.role == "serving":
            return replace(workload, endpoint=runner.endpoint)
        if runner.run.role == "tuning":
            # A run that goes on after a fault shows how far it was before it has made a step again.
            since = runner.run.created if not runner.run.restarts else None
            return replace(workload, progress=read_progress(context.volumes.results(runner.run.launch), since))
        return workload

    def _add(self, run: RoleRun, context: LaunchContext) -> None:
        self._runners[run.role] = RoleRunner(
            run, context, self._options, self._store.logs, self._ports, self._submit, self.save
        )

    def _clear_volumes(self, order: Start, context: LaunchContext) -> None:
        """Remove data and checkpoints of an earlier Launch, which must not be taken for this one's."""
        if _fetches_data(order.role, order.launch):
            context.volumes.empty(DATA)
        if order.role != "tuning":
            return
        # Moved before the new digest is recorded: a supervisor lost in between moves nothing more, while the other way
        # round the next one takes another tuning's checkpoint for this one's.
        if self._tuned not in ("", order.digest):
            context.volumes.set_results_aside()
        self._tuned = order.digest

    def _record(self) -> SupervisorRecord:
        if self._record_before_drain is not None:
            return self._record_before_drain
        return SupervisorRecord(
            boot=boot_id(),
            runs=tuple(runner.run for runner in self._runners.values()),
            ports=dict(self._ports),
            tuned=self._tuned,
            generation=self._generation,
        )


def _fetches_data(role: Role, launch: Launch) -> bool:
    """Return whether the run writes the data set into its volume; a job's last stages only read it."""
    steps = launch.processes if role == "preflight" else launch.prepare
    return any(mount.volume == DATA and not mount.read_only for process in steps for mount in process.mounts)
