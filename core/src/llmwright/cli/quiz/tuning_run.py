"""A tuning Workspace in the foreground: ask the base, tune, ask again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING

from llmwright.cli.quiz.questions import questions_of, read_questions
from llmwright.cli.quiz.quiz import Quiz
from llmwright.cli.show.progress import follow
from llmwright.cli.show.quiz import answer_bar, show_adapter_answers, show_base_answers
from llmwright.lifecycle.tuning import SUSPEND
from llmwright.values.launch import Launch

if TYPE_CHECKING:
    from rich.console import Console

    from llmwright.api.status import WorkspaceStatus
    from llmwright.api.workspace import Workspace
    from llmwright.app.planner import PlannedWorkspace
    from llmwright.app.session import Session
    from llmwright.cli.quiz.questions import Question
    from llmwright.cli.quiz.quiz import BaseAnswers
    from llmwright.values.preset import Preset

QUESTIONS = 24
"""How many questions of the data set are asked at most."""


class TuningRun:
    """One run of one Workspace. ``question`` is one that the tuned model should be able to answer."""

    def __init__(self, session: Session, planned: PlannedWorkspace, console: Console) -> None:
        self._session = session
        self._planned = planned
        self._console = console
        self._key = (planned.workspace.namespace, planned.workspace.name)
        self.question = "What have you learned?"

    def carry_out(self) -> bool:
        """From preflight to the last answer; False where too few answers were right.

        Raises:
            TargetError: it failed, with the root cause.
        """
        plan = self._planned.plan
        printed: set[str] = set()
        before = quiz = None
        if plan.serving is not None and plan.preflight is not None:
            # Tuning is held back until the base has answered, so that neither takes the machine from the other.
            self._session.apply(self._with_tuning(suspended=True))
            follow(self._statuses(), self._console, printed, until="PreflightSucceeded")
            quiz = Quiz(self._sample(), questions_of(self._preset().questions))
            if quiz.learned:
                self.question = quiz.learned[0].prompt
                before = self._ask_base(quiz)
        self._session.apply(self._with_tuning(suspended=False))
        status = follow(self._statuses(), self._console, printed)
        if before is None or quiz is None or not status.endpoint:
            return True
        return self._ask_adapter(status.endpoint, quiz, before)

    def _preset(self) -> Preset:
        """The preset by the name that the Workspace has it by: a model that no pack has is found by no other."""
        spec = self._planned.workspace.preset
        assert spec is not None
        return self._session.preset(spec.name)

    def _statuses(self) -> Iterator[WorkspaceStatus]:
        return (workspace.status for workspace in self._session.local_target.watch(*self._key) if workspace.status)

    def _with_tuning(self, *, suspended: bool) -> PlannedWorkspace:
        """The Workspace, with tuning held back or not; its annotation is no input of the plan."""
        workspace = self._planned.workspace
        annotations = {key: value for key, value in workspace.metadata.annotations.items() if key != SUSPEND}
        if suspended:
            annotations[SUSPEND] = "true"
        return replace(self._planned, workspace=_annotated(workspace, annotations))

    def _sample(self) -> tuple[Question, ...]:
        """Questions of the data set, which the preflight has fetched; none where the tuner has no sample."""
        from llmwright.plan.tuning_data import tuning_data

        plan, tuning = self._planned.plan, self._planned.workspace.tuning
        if tuning is None or plan.tuner is None or plan.preflight is None:
            return ()
        tuner = self._session.drivers.tuner(plan.tuner.name)
        config = tuner.configure(tuning.method_config, self._planned.config_files.get(tuning.config, {}))
        process = tuner.sample(self._preset(), tuning_data(tuning), config, QUESTIONS)
        if process is None:
            return ()
        launch = Launch(main=process, volumes=plan.preflight.volumes)
        return read_questions(self._session.local_target.output_of(*self._key, launch).splitlines())

    def _ask_base(self, quiz: Quiz) -> BaseAnswers:
        base = self._planned.plan.preset
        with (
            self._base_server() as url,
            self._session.model_client(url) as client,
            answer_bar(self._console, f"asking {base}", quiz.base_questions) as answered,
        ):
            before = quiz.ask_base(client, base, answered)
        show_base_answers(before, base, self._console)
        return before

    def _base_server(self) -> AbstractContextManager[str]:
        """The base model alone, for as long as it is asked, with the runtime that serves it later."""
        from llmwright.targets.local.launch.temporary_server import temporary_server

        plan = self._planned.plan
        assert plan.runtime is not None
        runtime = self._session.drivers.runtime(plan.runtime.name)
        config = runtime.configure({}, {})
        launch = runtime.launch(self._preset(), dict(plan.fits)["serving"], (), config)
        return temporary_server(launch, self._session.local_options, base_directory=self._planned.base_directory)

    def _ask_adapter(self, url: str, quiz: Quiz, before: BaseAnswers) -> bool:
        base, adapter = self._planned.plan.served_names
        with (
            self._session.model_client(url) as client,
            answer_bar(self._console, f"asking {adapter} and {base}", quiz.adapter_questions) as answered,
        ):
            after = quiz.ask_adapter(client, base, adapter, answered)
        show_adapter_answers(before, after, base, adapter, self._console)
        return after.passed


def _annotated(workspace: Workspace, annotations: Mapping[str, str]) -> Workspace:
    metadata = workspace.metadata.model_copy(update={"annotations": dict(annotations)})
    return workspace.model_copy(update={"metadata": metadata})
