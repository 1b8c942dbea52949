"""A tuning Workspace in the foreground: ask the base, tune, ask again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from llmwright.cli.quiz.questions import questions_of, read_questions
from llmwright.cli.quiz.quiz import Examination, examine_adapter, examine_base, show_after, show_before
from llmwright.cli.show.progress import follow
from llmwright.lifecycle.tuning import SUSPEND
from llmwright.values.launch import Launch

if TYPE_CHECKING:
    from rich.console import Console

    from llmwright.api.status import WorkspaceStatus
    from llmwright.api.workspace import Workspace
    from llmwright.app.preparation import Prepared
    from llmwright.app.session import Session
    from llmwright.cli.quiz.questions import Question
    from llmwright.cli.quiz.quiz import Before
    from llmwright.plugins.drivers import Runtime, Tuner

ROWS = 24


class TuningRun:
    """One run of one prepared Workspace. ``question`` is one that the tuned model is meant to answer."""

    def __init__(self, session: Session, prepared: Prepared, console: Console) -> None:
        self._session = session
        self._prepared = prepared
        self._console = console
        self.question = "What have you learned?"
        self._key = (prepared.workspace.namespace, prepared.workspace.name)

    def carry_out(self) -> bool:
        """From preflight to the last answer; False where too few answers were right.

        Raises:
            TargetError: it failed, with the root cause.
        """
        plan = self._prepared.plan
        told: set[str] = set()
        before = examination = None
        if plan.serving is not None and plan.preflight is not None:
            self._session.apply(self._with_tuning(suspended=True))
            follow(self._statuses(), self._console, told, until="PreflightSucceeded")
            examination = Examination(self._sample(), questions_of(self._session.preset(plan.preset).questions))
            if examination.learned:
                self.question = examination.learned[0].prompt
                before = self._ask_base(examination)
        self._session.apply(self._with_tuning(suspended=False))
        status = follow(self._statuses(), self._console, told)
        if before is None or examination is None or not status.endpoint:
            return True
        return self._ask_adapter(status, examination, before)

    def _statuses(self) -> Iterator[WorkspaceStatus]:
        return (found.status for found in self._session.target.watch(*self._key) if found.status)

    def _with_tuning(self, *, suspended: bool) -> Prepared:
        """The Workspace, with tuning held back or not; its annotation is no input of the plan."""
        workspace = self._prepared.workspace
        annotations = {key: value for key, value in workspace.metadata.annotations.items() if key != SUSPEND}
        if suspended:
            annotations[SUSPEND] = "true"
        return replace(self._prepared, workspace=_annotated(workspace, annotations))

    def _sample(self) -> tuple[Question, ...]:
        """Questions of the data set, which the preflight has fetched; none where the tuner knows of none."""
        from llmwright.plan.tuning_data import tuning_data

        plan, tuning = self._prepared.plan, self._prepared.workspace.tuning
        if tuning is None or plan.tuner is None or plan.preflight is None:
            return ()
        tuner = cast("Tuner", self._session.driver("tuner", plan.tuner.name))
        config = tuner.configure(tuning.method_config, self._prepared.config_files.get(tuning.config, {}))
        process = tuner.sample(self._session.preset(plan.preset), tuning_data(tuning), config, ROWS)
        if process is None:
            return ()
        launch = Launch(main=process, volumes=plan.preflight.volumes)
        return read_questions(self._session.target.output_of(*self._key, launch).splitlines())

    def _ask_base(self, examination: Examination) -> Before:
        base = self._prepared.plan.preset
        with self._base_server() as url, self._session.endpoint(url).client() as client:
            before = examine_base(client, base, examination, self._console)
        show_before(before, base, self._console)
        return before

    def _base_server(self) -> AbstractContextManager[str]:
        """The base model alone, for as long as it is asked, with the runtime that serves it later."""
        from llmwright.targets.local.launch.temporary_server import temporary_server

        plan = self._prepared.plan
        assert plan.runtime is not None
        runtime = cast("Runtime", self._session.driver("runtime", plan.runtime.name))
        config = runtime.configure({}, {})
        launch = runtime.launch(self._session.preset(plan.preset), dict(plan.fits)["serving"], (), config)
        return temporary_server(launch, self._session.local_options, base_directory=self._prepared.base)

    def _ask_adapter(self, status: WorkspaceStatus, examination: Examination, before: Before) -> bool:
        base, adapter = self._prepared.plan.served_names
        with self._session.endpoint(str(status.endpoint)).client() as client:
            after = examine_adapter(client, base, adapter, examination, self._console)
        show_after(before, after, base, adapter, self._console)
        return after.held


def _annotated(workspace: Workspace, annotations: Mapping[str, str]) -> Workspace:
    metadata = workspace.metadata.model_copy(update={"annotations": dict(annotations)})
    return workspace.model_copy(update={"metadata": metadata})
