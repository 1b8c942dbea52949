"""The runners of one Workspace, and the record of what they do."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from llmwright.errors import TargetError
from llmwright.lifecycle.decision import Start
from llmwright.lifecycle.observed import Role, Workload
from llmwright.targets.local.launch.context import Place
from llmwright.targets.local.launch.run_transitions import Run, begin, recovered, workload
from llmwright.targets.local.launch.runner import Runner
from llmwright.targets.local.options import LocalOptions
from llmwright.targets.local.process.leftovers import boot_id, end_all
from llmwright.targets.local.process.probes import Submit
from llmwright.targets.local.store.workspace_store import Runs, WorkspaceState
from llmwright.targets.local.supervisor.progress import read_progress
from llmwright.values.launch import Launch

DATA = "data"
"""The volume that a data set is fetched into."""

log = logging.getLogger(__name__)


def fetches(role: Role, launch: Launch) -> bool:
    """Whether the run brings the data set into its volume, and so wants it empty; the last stage only reads it."""
    steps = launch.processes if role == "preflight" else launch.prepare
    return any(mount.volume == DATA and not mount.read_only for process in steps for mount in process.mounts)


class Crew:
    """Starts, stops and reports the three roles; keeps ``runs.json`` true.

    Taking over ends whatever a lost supervisor left running and goes on from where it was.
    """

    def __init__(self, state: WorkspaceState, options: LocalOptions, submit: Submit) -> None:
        self._state, self._options, self._submit = state, options, submit
        self._runners: dict[Role, Runner] = {}
        self._ports: dict[str, int] = {}
        self._tuned = ""
        self._generation = 0
        self._parked: Runs | None = None
        self._changes = 0

    def take_over(self, place: Place) -> None:
        """Read the record of the supervisor before, end its leftovers, and go on."""
        runs = self._state.read_runs()
        end_all(runs, place.mark)
        if runs is None:
            return
        self._tuned, self._generation = runs.tuned, runs.generation
        self._ports.update(runs.ports)
        now = datetime.now(UTC)
        for run in runs.runs:
            if run.phase != "stopping":
                self._enlist(recovered(run, now), place)
        self.save()

    def save(self) -> None:
        """Write the record; a disk that refuses is told in the log and tried again with the next change."""
        self._changes += 1
        try:
            self._state.write_runs(self._record())
        except TargetError as error:
            log.error("%s", error.message)

    def settle(self) -> None:
        """Record that nothing is left to do for the present generation.

        Raises:
            TargetError: the record cannot be written.
        """
        self._state.write_runs(replace(self._record(), settled=True))

    def park(self) -> None:
        """Ask all to end, with the record kept as it is: whoever takes over goes on from here."""
        self._parked = self._parked or self._record()
        for runner in self._runners.values():
            runner.stop()

    def step(self) -> None:
        """Carry each run along and drop those that were stopped."""
        for role, runner in list(self._runners.items()):
            runner.step()
            if runner.gone:
                del self._runners[role]
                self.save()

    def rest_s(self) -> float | None:
        """Seconds until something is due, None where only an event matters."""
        rests = [rest for runner in self._runners.values() if (rest := runner.rest_s()) is not None]
        return min(rests, default=None)

    def start(self, order: Start, place: Place) -> None:
        """Have the launch run: at once, or once what is there has given way."""
        runner = self._runners.get(order.role)
        if runner is None:
            self._make_room(order, place)
            run = begin(order.role, order.launch, order.digest, order.inputs, datetime.now(UTC))
            self._enlist(run, place)
        elif runner.run.digest != order.digest:
            self.stop(order.role)
            return
        else:
            runner.run = replace(runner.run, inputs=order.inputs)
        self.save()

    def stop(self, role: Role) -> None:
        """Ask that role to end; nothing happens where it is not there."""
        runner = self._runners.get(role)
        if runner is not None:
            runner.stop()

    def turn_to(self, generation: int) -> None:
        """The user changed something: what failed before is tried anew, from data that are fetched again."""
        if generation == self._generation:
            return
        self._generation = generation
        if any(runner.run.phase == "failed" for runner in self._runners.values()):
            keep = {role: found for role, found in self._runners.items() if found.run.phase != "failed"}
            if "tuning" not in keep:
                keep.pop("preflight", None)
            self._runners = keep
        self.save()

    @property
    def changes(self) -> int:
        """Grows with each change: whoever decided at another number has not seen the present."""
        return self._changes

    @property
    def parked(self) -> bool:
        """Whether ``park`` was called: this crew starts nothing any more."""
        return self._parked is not None

    @property
    def idle(self) -> bool:
        """Whether nothing runs and nothing is about to."""
        return all(runner.run.over for runner in self._runners.values())

    def workloads(self, place: Place) -> Mapping[Role, Workload]:
        """What the lifecycle gets to see."""
        return {role: self._seen(runner, place) for role, runner in self._runners.items()}

    def _seen(self, runner: Runner, place: Place) -> Workload:
        found = workload(runner.run, self._options)
        if runner.run.role == "serving":
            return replace(found, endpoint=runner.endpoint)
        if runner.run.role == "tuning":
            return replace(found, progress=read_progress(place.results(runner.run.launch)))
        return found

    def _enlist(self, run: Run, place: Place) -> None:
        self._runners[run.role] = Runner(
            run, place, self._options, self._state.logs, self._ports, self._submit, self.save
        )

    def _make_room(self, order: Start, place: Place) -> None:
        """Nothing that lies about from before is taken for what is asked for now: no data, no checkpoints."""
        if fetches(order.role, order.launch):
            place.discard(DATA)
        if order.role != "tuning":
            return
        if self._tuned not in ("", order.digest):
            place.set_results_aside()
        self._tuned = order.digest

    def _record(self) -> Runs:
        if self._parked is not None:
            return self._parked
        runs = tuple(runner.run for runner in self._runners.values())
        return Runs(boot=boot_id(), runs=runs, ports=dict(self._ports), tuned=self._tuned, generation=self._generation)
