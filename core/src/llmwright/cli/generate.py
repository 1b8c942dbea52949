"""``llmwright generate``."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from llmwright.app.session import Session
from llmwright.cli import arguments
from llmwright.cli.interrupts import ignore_interrupts, terminate_as_interrupt
from llmwright.cli.show.output import FORMATS, note, note_repairs
from llmwright.errors import ConfigError, TargetError

if TYPE_CHECKING:
    from rich.console import Console

    from llmwright.app.generate import Served
    from llmwright.app.generation.generation import Progress

STDIN = "-"


@click.command(
    epilog="""\b
Examples:
  llmwright generate -f prompts.jsonl -o answers.jsonl
  llmwright generate my-workspace -f prompts.jsonl -o answers.jsonl --max-tokens 64
  llmwright generate https://api.example.com/v1 --model NAME -f batch.jsonl -o answers.jsonl
  llmwright generate demo -f prompts.jsonl -o answers.jsonl    # a preset, served for this run

\b
A line of FILE is {"prompt": "text"}, {"messages": [...]} or one of OpenAI's batch files; "custom_id"
names it. The same command goes on where a run was ended. A server that asks for a key gets
LLMWRIGHT_API_KEY. It ends with 0 where every line is answered, with 1 where some failed (their lines
say why) or the server went away, with 2 where a file cannot be used.
"""
)
@click.argument("target", metavar="[NAME|URL|PRESET]", required=False)
@click.option("-f", "--filename", "prompts", required=True, metavar="FILE", help="Requests as JSON lines, - for stdin.")
@click.option("-o", "--output", required=True, metavar="FILE", help="Answers as JSON lines; a run goes on there.")
@click.option("--model", help="For lines that name none: by default the Workspace's, or the only one that is listed.")
@click.option("--api", type=click.Choice(["chat", "completions"]), default="chat", show_default=True, help="For texts.")
@click.option("--max-tokens", type=click.IntRange(1), help="Most tokens of an answer, for lines without a limit.")
@click.option("--temperature", type=click.FloatRange(0, 2), help="For lines without one; 0 is greedy.")
@click.option("--concurrency", type=click.IntRange(1, 1024), default=8, show_default=True, help="Requests at a time.")
@arguments.request_timeout
@click.option("--overwrite", is_flag=True, help="Forget the answers that the file has, and ask all again.")
@arguments.placed
@click.pass_obj
def generate(
    session: Session,
    /,
    target: str | None,
    prompts: str,
    output: str,
    max_tokens: int | None,
    temperature: float | None,
    namespace: str | None,
    **run: Any,
) -> None:
    """Answer a file of requests: by the Workspace NAME, the server at URL, or a PRESET that is served meanwhile.

    Without a target the only Workspace that answers on this machine is asked. On a cluster kubectl forwards a port.
    """
    if output in FORMATS:
        raise click.UsageError(f"-o names the file of the answers here; write ./{output} for a file of that name")
    from llmwright.app.generate import GenerateOptions, check_files, generate_by
    from llmwright.app.generation.input_file import MOST_BYTES
    from llmwright.cli.show.console import open_console
    from llmwright.cli.show.generation import GenerationBar

    flags = {"max_tokens": max_tokens, "temperature": temperature}
    fields = {name: value for name, value in flags.items() if value is not None}
    options = GenerateOptions(fields=fields, **run)
    # One byte more than may be: what is cut off at the limit would be lost without a word.
    text = sys.stdin.buffer.read(MOST_BYTES + 1) if prompts == STDIN else None
    check_files(prompts, output, options, text=text)
    terminate_as_interrupt()
    console = open_console(stderr=True)
    with _served(session, target, options.model, namespace, console) as served, GenerationBar(console) as bar:
        done = generate_by(session, served, prompts, output, options, bar.show, text=text)
    _report(done, output)


def _report(done: Progress, output: str) -> None:
    note(f"{done.answered:,} of {done.requests:,} requests are answered in {output}")
    if done.failed:
        note(f"{done.failed:,} failed: their lines say why; --overwrite asks all again")
        raise click.exceptions.Exit(1)


@contextmanager
def _served(
    session: Session, target: str | None, model: str | None, namespace: str | None, console: Console
) -> Iterator[Served]:
    """Give where the model answers. A preset, a model's directory or a Workspace's file is served for the block."""
    from llmwright.app.bench import is_url
    from llmwright.app.generate import served_by

    if session.on_cluster and not (target and is_url(target)):
        with _served_on_cluster(session, target, model, namespace) as served:
            yield served
        return
    if target is None or not is_url(target):
        note_repairs(session.target.repair())
    try:
        served = served_by(session, target, model, namespace or "default")
    except TargetError as error:
        if error.reason != "NotFound" or target is None:
            raise
        with _started(session, target, namespace, console) as name:
            yield served_by(session, name, model, namespace or "default")
        return
    yield served


@contextmanager
def _served_on_cluster(
    session: Session, target: str | None, model: str | None, namespace: str | None
) -> Iterator[Served]:
    from llmwright.app.generate import Served
    from llmwright.app.model_client import choose_model, where_to_look

    if target is None:
        raise click.UsageError("name the Workspace of the cluster that is asked")
    workspace = session.target.get(namespace or session.target.namespace, target)
    hint = where_to_look(workspace, session.same_place)
    with session.endpoint(workspace) as url, session.model_client(url, hint) as client:
        yield Served(url, choose_model(client, workspace, model))


@contextmanager
def _started(session: Session, what: str, namespace: str | None, console: Console) -> Iterator[str]:
    """Start what ``llmwright run`` would start, give its name, and delete it at the end."""
    from llmwright.app.checker import CheckMode
    from llmwright.app.documents import from_preset, names_a_file, read_workspace
    from llmwright.app.planner import Planner
    from llmwright.cli.show.progress import follow

    place = session.this_machine
    loaded = read_workspace(what, namespace, place) if names_a_file(what) else from_preset(what, namespace)
    key = (loaded.workspace.namespace, loaded.workspace.name)
    if loaded.workspace.tuning:
        apply = place.command(f"apply -f {shlex.quote(what)}", namespace)
        raise ConfigError(f"{what} tunes a model", hint=f"give its name once it answers, after `{apply}`")
    planned = Planner(session, CheckMode.apply()).plan_loaded(loaded, session.current(loaded.workspace))
    try:
        session.apply(planned)
        follow((each.status for each in session.target.watch(*key) if each.status), console, set())
        yield key[1]
    finally:
        # A second Ctrl-C must not leave half of it running.
        ignore_interrupts()
        session.target.delete(*key)
