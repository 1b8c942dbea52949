"""``llmwright chat``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from llmwright.app.session import Session
from llmwright.cli import arguments
from llmwright.errors import ConfigError, LLMwrightError, NotYet

if TYPE_CHECKING:
    import httpx

    from llmwright.api.workspace import Workspace


@click.command(
    epilog="""\b
Examples:
  llmwright chat my-workspace "Who built the lighthouse?"
  llmwright chat my-workspace --model demo        # the base model instead of the adapter
  llmwright chat my-workspace --system "Answer in one word."
"""
)
@click.argument("workspace")
@click.argument("question", nargs=-1)
@click.option("--model", help="Base model or adapter; the tuned one, else the base, where none is given.")
@click.option("--system", help="Instruction that stands before the conversation.")
@click.option("--max-tokens", type=click.IntRange(1), help="Most tokens of an answer.")
@click.option("--temperature", type=click.FloatRange(0, 2), default=0.0, show_default=True, help="0 is greedy.")
@arguments.namespaced
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
    session.repair()
    found = session.target.get(namespace or "default", workspace)
    with session.endpoint(found_endpoint(found)).client() as client:
        name = _model(client, model, found)
        talk = _Conversation(client, name, **options)
        if question:
            talk.say(" ".join(question))
        else:
            _converse(talk, name)


def found_endpoint(workspace: Workspace) -> str:
    """Where ``workspace`` answers.

    Raises:
        NotYet: nowhere yet, with what it waits for.
    """
    status = workspace.status
    ready = status.condition("InferenceReady") if status else None
    if status is None or not status.endpoint or ready is None or ready.status != "True":
        why = ready.message if ready else "it was not started yet"
        raise NotYet(
            f"{workspace.namespace}/{workspace.name} does not answer yet: {why}",
            hint=f"llmwright wait {workspace.name} --for=condition=InferenceReady --timeout=10m",
        )
    return status.endpoint


def _model(client: httpx.Client, asked: str | None, workspace: Workspace) -> str:
    from llmwright.app.model_client import models

    served = models(client)
    if asked is not None and asked not in served:
        raise ConfigError(f"no model {asked!r} is served there", hint=f"served: {', '.join(served)}")
    tuned = workspace.name if workspace.tuning and workspace.name in served else served[0]
    return asked or tuned


class _Conversation:
    """What was said so far, and how the next answer is to be made."""

    def __init__(
        self, client: httpx.Client, model: str, system: str | None, max_tokens: int | None, temperature: float
    ) -> None:
        self._client = client
        self._model = model
        self._messages: list[dict[str, str]] = [{"role": "system", "content": system}] if system else []
        self._options = {"temperature": temperature, **({"max_tokens": max_tokens} if max_tokens else {})}

    def say(self, text: str) -> None:
        """Ask, and print the answer as it comes; a turn that fails is taken back."""
        from llmwright.app.model_client import stream

        turn = {"role": "user", "content": text}
        pieces = stream(self._client, self._model, [*self._messages, turn], self._options)
        answer = _print_pieces(pieces)
        self._messages += [turn, {"role": "assistant", "content": answer}]


def _print_pieces(pieces: Iterable[str]) -> str:
    said = []
    for piece in pieces:
        click.echo(piece, nl=False)
        said.append(piece)
    click.echo()
    return "".join(said)


def _converse(talk: _Conversation, model: str) -> None:
    click.echo(f"talking to {model}; Ctrl-D ends", err=True)
    while True:
        try:
            text = input("> ").strip()
        except EOFError:
            click.echo(err=True)
            return
        if not text:
            continue
        try:
            talk.say(text)
        except LLMwrightError as error:
            click.echo(f"error: {error}", err=True)
