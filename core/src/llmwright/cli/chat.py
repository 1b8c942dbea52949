"""``llmwright chat``."""

from __future__ import annotations

import sys
from typing import IO, TYPE_CHECKING, Any

import click

from llmwright.app.session import Session
from llmwright.cli import arguments
from llmwright.cli.show.output import note_repairs
from llmwright.errors import LLMwrightError

if TYPE_CHECKING:
    from llmwright.app.model_client import Conversation


@click.command(
    epilog="""\b
Examples:
  llmwright chat my-workspace "Who built the lighthouse?"
  llmwright chat my-workspace --model demo        # the base model instead of the adapter
  llmwright chat my-workspace --system "Answer in one word."
  llmwright chat my-workspace --context prod -n models "Who are you?"
"""
)
@click.argument("workspace")
@click.argument("question", nargs=-1)
@click.option("--model", help="Base model or adapter; the tuned one, else the base, where none is given.")
@click.option("--system", help="Instruction that stands before the conversation.")
@click.option("--max-tokens", type=click.IntRange(1), help="Most tokens of an answer.")
@click.option("--temperature", type=click.FloatRange(0, 2), default=0.0, show_default=True, help="0 is greedy.")
@arguments.placed
@click.pass_obj
def chat(
    session: Session,
    /,
    workspace: str,
    question: tuple[str, ...],
    model: str | None,
    namespace: str | None,
    **options: Any,
) -> None:
    """Ask a served model: one QUESTION, or a conversation where none is given (Ctrl-D ends it)."""
    from llmwright.app.model_client import Conversation, choose_model, where_to_look

    note_repairs(session.target.repair())
    served = session.target.get(namespace or session.target.namespace, workspace)
    hint = where_to_look(served, session.same_place)
    with session.endpoint(served) as url, session.model_client(url, hint) as client:
        conversation = Conversation(client, choose_model(client, served, model), **options)
        if question:
            _ask(conversation, " ".join(question))
        else:
            _converse(conversation)


class Thoughts:
    """Shows what a model thinks before it answers, dim, to a person; a pipe gets the answer alone."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream, self._shown = stream, False

    def show(self, piece: str) -> None:
        """Show a piece of the reasoning as it comes."""
        if self._stream.isatty():
            self._shown = True
            click.secho(piece, file=self._stream, nl=False, dim=True)

    def end(self) -> None:
        """Begin the answer on a line of its own, where anything was shown."""
        if self._shown:
            click.echo(file=self._stream)
            self._shown = False


def _ask(conversation: Conversation, question: str) -> None:
    """Print the answer as it is generated."""
    thoughts = Thoughts(sys.stderr)
    for piece in conversation.stream(question, thoughts.show):
        thoughts.end()
        click.echo(piece, nl=False)
    thoughts.end()
    click.echo()


def _converse(conversation: Conversation) -> None:
    click.echo(f"talking to {conversation.model}; Ctrl-D ends", err=True)
    while True:
        try:
            question = input("> ").strip()
        except EOFError:
            click.echo(err=True)
            return
        if not question:
            continue
        try:
            _ask(conversation, question)
        except LLMwrightError as error:
            click.echo(f"error: {error}", err=True)
