"""``llmwright run``."""

from __future__ import annotations

import json
import shlex
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from llmwright.app.session import Session
from llmwright.cli import arguments
from llmwright.errors import ConfigError

if TYPE_CHECKING:
    from rich.console import Console

    from llmwright.api.workspace import Workspace
    from llmwright.app.documents import Written
    from llmwright.app.preparation import Prepared
    from llmwright.cli.quiz.tuning_run import TuningRun

GREETING = "Who are you?"


@click.command(
    epilog="""\b
Examples:
  llmwright run examples/quickstart.yaml
  llmwright run demo                              # serve a preset, no YAML needed
  llmwright run ORG/MODEL --print-yaml > mine.yaml

\b
Ctrl-C stops what was started and keeps the Workspace: `llmwright apply` or another `run` goes on with it.
"""
)
@click.argument("what", metavar="FILE|PRESET")
@click.option("--exit", "end", is_flag=True, help="End once it answers; 1 if fewer than nine answers in ten are right.")
@click.option("--print-yaml", is_flag=True, help="Print the Workspace instead of running it.")
@arguments.config_dir
@arguments.namespaced
@click.pass_obj
def run(
    session: Session, what: str, end: bool, print_yaml: bool, config_dir: str | None, namespace: str | None
) -> None:
    """Run one Workspace in the foreground: FILE with its YAML, or the name of a preset to serve.

    A tuning Workspace shows what the base model knows before, tunes it, and asks again with the adapter.
    """
    started = time.monotonic()
    written = _find(what, namespace)
    if print_yaml:
        from llmwright.api.document import to_yaml

        click.echo(to_yaml(written.document.data), nl=False)
        return
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=False)
    session.repair()
    preparation = session.preparation(config_dir=config_dir, buying=True)
    prepared = preparation.prepare(written, old=session.current(written.workspace))
    _show_plan(prepared, console)
    held = _foreground(session, prepared, console, end, started)
    if end and not held:
        raise click.exceptions.Exit(1)


def _find(what: str, namespace: str | None) -> Written:
    from llmwright.app.documents import STDIN, YAML_SUFFIXES, from_preset, read_workspaces

    if what != STDIN and not Path(what).suffix.lower().endswith(YAML_SUFFIXES) and not Path(what).exists():
        return from_preset(what, namespace)
    found = read_workspaces((what,), namespace)
    if len(found) > 1:
        names = ", ".join(one.workspace.name for one in found)
        raise ConfigError(f"{what} holds {len(found)} Workspaces: {names}", hint=f"llmwright apply -f {what}")
    return found[0]


def _show_plan(prepared: Prepared, console: Console) -> None:
    from llmwright.cli.show.plan import show_plan

    show_plan(prepared.plan, console)
    told = "\n".join(prepared.plan.notes)
    for warning in prepared.warnings:
        if warning.path not in told:
            console.print(f"warning: {warning}", style="yellow", soft_wrap=True)


def _foreground(session: Session, prepared: Prepared, console: Console, end: bool, started: float) -> bool:
    """Carry it out to the end; whatever ends this command ends what it started too."""
    from llmwright.cli.quiz.tuning_run import TuningRun

    signal.signal(signal.SIGTERM, _interrupt)
    tuning = TuningRun(session, prepared, console) if prepared.workspace.tuning else None
    key = (prepared.workspace.namespace, prepared.workspace.name)
    try:
        held = _carry_out(session, prepared, tuning, console)
        console.print(f"[dim]{time.monotonic() - started:.0f} s since the command was given[/dim]")
        if end:
            session.target.stop(*key)
            return held
        _serve(session.target.get(*key), tuning.question if tuning else GREETING, console)
    except BaseException:
        _stop(session, key, console)
        raise
    return held


def _carry_out(session: Session, prepared: Prepared, tuning: TuningRun | None, console: Console) -> bool:
    from llmwright.cli.show.progress import follow

    if tuning is not None:
        return tuning.carry_out()
    session.apply(prepared)
    key = (prepared.workspace.namespace, prepared.workspace.name)
    follow((one.status for one in session.target.watch(*key) if one.status), console, set())
    return True


def _serve(workspace: Workspace, question: str, console: Console) -> None:
    status = workspace.status
    if status is None or not status.endpoint:
        console.print("the machine was released; nothing is served")
        return
    console.print(f"\n[bold]{', '.join(status.served_names)}[/bold] answer at [bold]{status.endpoint}[/bold]; try")
    body = shlex.quote(json.dumps({"prompt": question}, ensure_ascii=False))
    console.print(f"  curl -s {status.endpoint}/chat -d {body}", soft_wrap=True, markup=False)
    console.print(f"  llmwright chat {workspace.name}")
    console.print("serving until Ctrl-C")
    while True:
        time.sleep(3600)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _stop(session: Session, key: tuple[str, str], console: Console) -> None:
    """Stop it, without minding further Ctrl-Cs to the end: a second one must not leave half of it running."""
    from llmwright.errors import TargetError

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        console.print(f"\nstopping {key[1]}; `llmwright get` still shows it, `llmwright delete {key[1]}` removes it")
        session.target.stop(*key)
    except TargetError as error:
        if error.reason != "NotFound":
            raise
