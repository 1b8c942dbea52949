"""``llmwright run``."""

from __future__ import annotations

import json
import shlex
import time
from typing import TYPE_CHECKING

import click

from llmwright.app.session import Session
from llmwright.cli import arguments
from llmwright.cli.interrupts import ignore_interrupts, terminate_as_interrupt
from llmwright.cli.show.output import note_repairs

if TYPE_CHECKING:
    from rich.console import Console

    from llmwright.api.workspace import Workspace
    from llmwright.app.documents import LoadedWorkspace
    from llmwright.app.planner import PlannedWorkspace
    from llmwright.cli.quiz.tuning_run import TuningRun

GREETING = "Who are you?"


@click.command(
    epilog="""\b
Examples:
  llmwright run examples/quickstart.yaml
  llmwright run demo                              # serve a preset, no YAML needed
  llmwright run ./my-model                        # a directory that save_pretrained wrote
  llmwright run ORG/MODEL --print-yaml > mine.yaml

\b
Ctrl-C stops what was started and keeps the Workspace: `llmwright apply -f FILE` or another `run` goes on with it.
"""
)
@click.argument("what", metavar="FILE|PRESET|DIRECTORY")
@click.option("--exit", "end", is_flag=True, help="End once it answers; 1 if fewer than nine answers in ten are right.")
@click.option("--print-yaml", is_flag=True, help="Print the Workspace instead of running it.")
@arguments.config_dir
@arguments.namespaced
@click.pass_obj
def run(
    session: Session, what: str, end: bool, print_yaml: bool, config_dir: str | None, namespace: str | None
) -> None:
    """Run one Workspace in the foreground: FILE with its YAML, or a PRESET or model DIRECTORY to serve.

    A tuning Workspace shows what the base model knows before, tunes it, and asks again with the adapter.
    """
    started = time.monotonic()
    loaded = _load(session, what, namespace)
    if print_yaml:
        from llmwright.api.document import to_yaml

        click.echo(to_yaml(loaded.document.data), nl=False)
        return
    if session.chosen_target == "kubernetes":
        raise click.UsageError(
            "run is for this machine: `apply` carries a Workspace out on a cluster, `get -w` shows it"
        )
    from llmwright.app.checker import CheckMode
    from llmwright.app.planner import Planner
    from llmwright.cli.show.console import open_console

    console = open_console()
    note_repairs(session.local_target.repair())
    planner = Planner(session, CheckMode.apply(), config_dir)
    planned = planner.plan_loaded(loaded, session.current(loaded.workspace))
    _show_plan(planned, console)
    passed = _foreground(session, planned, console, end, started)
    if end and not passed:
        raise click.exceptions.Exit(1)


def _load(session: Session, what: str, namespace: str | None) -> LoadedWorkspace:
    from llmwright.app.documents import from_preset, names_a_file, read_workspace

    if names_a_file(what):
        return read_workspace(what, namespace, session.this_machine)
    return from_preset(what, namespace)


def _show_plan(planned: PlannedWorkspace, console: Console) -> None:
    from llmwright.cli.show.plan import show_plan

    show_plan(planned.plan, console)
    notes = "\n".join(planned.plan.notes)
    for warning in planned.warnings:
        if warning.path not in notes:
            console.print(f"warning: {warning}", style="yellow", soft_wrap=True)


def _foreground(session: Session, planned: PlannedWorkspace, console: Console, end: bool, started: float) -> bool:
    """Carry it out to the end, and end what was started when this command ends for any reason."""
    from llmwright.cli.quiz.tuning_run import TuningRun

    terminate_as_interrupt()
    tuning = TuningRun(session, planned, console) if planned.workspace.tuning else None
    key = (planned.workspace.namespace, planned.workspace.name)
    try:
        passed = _carry_out(session, planned, tuning, console)
        console.print(f"{time.monotonic() - started:.0f} s since the command was given", style="dim")
        if end:
            session.local_target.stop(*key)
            return passed
        _serve(session, session.local_target.get(*key), tuning.question if tuning else GREETING, console)
    except BaseException:
        _stop(session, key, console)
        raise
    return passed


def _carry_out(session: Session, planned: PlannedWorkspace, tuning: TuningRun | None, console: Console) -> bool:
    from llmwright.cli.show.progress import follow

    if tuning is not None:
        return tuning.carry_out()
    session.apply(planned)
    key = (planned.workspace.namespace, planned.workspace.name)
    statuses = (workspace.status for workspace in session.local_target.watch(*key) if workspace.status)
    follow(statuses, console, set())
    return True


def _serve(session: Session, workspace: Workspace, question: str, console: Console) -> None:
    from llmwright.cli.show.console import styled
    from llmwright.cli.show.page import page_of

    status = workspace.status
    if status is None or not status.endpoint:
        console.print("the machine was released; nothing is served")
        return
    names = ", ".join(status.served_names)
    verb = "answer" if len(status.served_names) > 1 else "answers"
    console.print(styled("\n", (names, "bold"), f" {verb} at ", (status.endpoint, "bold"), "; try"))
    body = shlex.quote(json.dumps({"prompt": question}, ensure_ascii=False))
    json_type = "-H 'Content-Type: application/json'"
    console.print(f"  curl -s {status.endpoint}/chat {json_type} -d {body}", soft_wrap=True)
    chat = session.this_machine.command(f"chat {workspace.name}", workspace.namespace)
    console.print(f"  {chat}", soft_wrap=True, markup=False)
    if page := page_of(session, status.endpoint):
        console.print(f"or open {page} in a browser", soft_wrap=True)
    console.print("serving until Ctrl-C")
    while True:
        time.sleep(3600)


def _stop(session: Session, key: tuple[str, str], console: Console) -> None:
    """Stop it. A second Ctrl-C is ignored: it must not leave half of it running."""
    from llmwright.errors import TargetError

    ignore_interrupts()
    try:
        get, delete = (session.this_machine.command(words, key[0]) for words in ("get", f"delete {key[1]}"))
        text = f"\nstopping {key[1]}; `{get}` still shows it, `{delete}` removes it"
        console.print(text, soft_wrap=True, markup=False)
        session.local_target.stop(*key)
    except TargetError as error:
        if error.reason != "NotFound":
            raise
