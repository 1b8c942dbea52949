"""Answering a file of requests: the function ``llmwright.generate``, and what a name, a URL or a preset means there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmwright.app.source import session_of
from llmwright.errors import ConfigError

if TYPE_CHECKING:
    import os

    from llmwright.api.workspace import Workspace
    from llmwright.app.generation.generation import OnAnswer, Progress
    from llmwright.app.generation.input_file import Api
    from llmwright.app.session import Session
    from llmwright.app.source import SettingsSource

CONCURRENCY, TIMEOUT_S = 8, 600.0


@dataclass(frozen=True, slots=True)
class GenerateOptions:
    """How a file of requests is answered.

    ``fields`` are those of a request, for lines that lack them. Texts under ``prompt`` are asked as conversations
    unless ``api`` is ``completions``.
    """

    model: str | None = None
    api: Api = "chat"
    fields: Mapping[str, Any] | None = None
    concurrency: int = CONCURRENCY
    timeout_s: float = TIMEOUT_S
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class Served:
    """Where a model answers, and under which name."""

    url: str
    model: str


def generate(
    target: str | None,
    prompts: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    model: str | None = None,
    api: Api = "chat",
    concurrency: int = CONCURRENCY,
    timeout_s: float = TIMEOUT_S,
    overwrite: bool = False,
    on_answer: OnAnswer | None = None,
    namespace: str = "default",
    settings: SettingsSource = None,
    **fields: Any,
) -> Progress:
    """Answer each line of a file of requests in a line of another, and return how many there are.

    Where ``output`` has answers to these requests already, only the others are asked: a run that was ended goes on.

    Args:
        target: a Workspace of this machine by its name, or the URL of any server that speaks the OpenAI API; None for
            the only Workspace that answers here.
        prompts: JSON lines with ``prompt`` or ``messages``, or those of OpenAI's batch files.
        output: JSON lines as OpenAI's batch files have them, in the order in which the answers came.
        model: for lines that name none; by default the Workspace's, or the only one that the server lists.
        api: whether texts under ``prompt`` are asked as conversations (``chat``) or continued (``completions``).
        concurrency: requests under way at a time.
        timeout_s: the longest time for a request and its answer, in seconds.
        overwrite: forget the answers that ``output`` has.
        on_answer: called after each line that was written, with the numbers so far, in another thread.
        fields: further fields of requests, for lines that lack them, such as ``max_tokens`` and ``temperature``.

    Raises:
        ConfigError: a file cannot be used, lines are no requests, ``output`` answers others, or the key is refused.
        NotYet: the Workspace does not answer yet.
        TargetError: the server does not answer, or the disk is full; what was answered is kept.

    Example::

        done = llmwright.generate("demo", "prompts.jsonl", "answers.jsonl", max_tokens=64)
        print(done.answered, "of", done.requests)
    """
    session = session_of(settings)
    options = GenerateOptions(model, api, fields, concurrency, timeout_s, overwrite)
    return generate_by(session, served_by(session, target, model, namespace), prompts, output, options, on_answer)


def generate_by(
    session: Session,
    served: Served,
    prompts: str | os.PathLike[str],
    output: str | os.PathLike[str],
    options: GenerateOptions,
    on_answer: OnAnswer | None = None,
    *,
    text: bytes | None = None,
) -> Progress:
    """Answer the requests of ``prompts``, or of ``text`` that was read from there; raises as ``generate``."""
    from llmwright.app.generation.generation import Generation, Progress
    from llmwright.app.generation.input_file import Defaults, read_requests
    from llmwright.app.generation.output_file import OutputFile

    model = options.model or served.model
    requests = read_requests(Path(prompts), text, Defaults(model, options.api, options.fields or {}))
    with OutputFile(Path(output), requests, overwrite=options.overwrite) as file:
        if not file.open_requests:
            return Progress(len(requests), file.answered, file.failed)
        return Generation(
            served.url,
            session.api_key,
            file,
            len(requests),
            concurrency=options.concurrency,
            timeout_s=options.timeout_s,
            on_answer=on_answer,
        ).run()


def check_files(
    prompts: str | os.PathLike[str],
    output: str | os.PathLike[str],
    options: GenerateOptions,
    *,
    text: bytes | None = None,
) -> None:
    """Refuse files that no run could use, before any model is started; raises as ``generate``."""
    from llmwright.app.generation.input_file import Defaults, read_requests
    from llmwright.app.generation.output_file import check_output

    read_requests(Path(prompts), text, Defaults(options.model or "", options.api, options.fields or {}))
    check_output(output)


def served_by(session: Session, target: str | None, model: str | None = None, namespace: str = "default") -> Served:
    """Return where the model of ``target``, a name or a URL, answers.

    Raises:
        ConfigError: the URL cannot be used, or the model is not served there, or must be named; or there is no target,
            and not one Workspace of this machine that answers.
        NotYet: the Workspace does not answer yet.
        TargetError: the endpoint does not answer, or there is no such Workspace.
    """
    from llmwright.app.bench import endpoint_url, is_url, only_model
    from llmwright.app.model_client import choose_model, endpoint_of, where_to_look

    if target is not None and is_url(target):
        url = endpoint_url(target)
        return Served(url, model or only_model(session, url))
    workspace = session.local_target.get(namespace, target) if target is not None else _only_workspace(session)
    url = endpoint_of(workspace, session.this_machine)
    with session.model_client(url, where_to_look(workspace, session.this_machine)) as client:
        return Served(url, choose_model(client, workspace, model))


def _only_workspace(session: Session) -> Workspace:
    answering = [each for each in session.local_target.list(None) if each.status and each.status.endpoint]
    if len(answering) != 1:
        names = ", ".join(each.name for each in answering)
        many = f"{len(answering)} Workspaces answer here: {names}" if answering else "no Workspace answers here"
        raise ConfigError(many, hint="name one, a URL, or a preset that is started for the run")
    return answering[0]
