"""Measuring a served model: the function ``llmwright.bench``, and the endpoint that a name or a URL means."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from llmwright.app.source import session_of
from llmwright.errors import ConfigError, TargetError

if TYPE_CHECKING:
    import os

    import httpx

    from llmwright.api.workspace import Workspace
    from llmwright.app.benchmark.benchmark import Benchmark, OnProgress
    from llmwright.app.benchmark.result import BenchmarkResult
    from llmwright.app.benchmark.workload import Api, Prompt, Workload, WorkloadOptions
    from llmwright.app.session import Session
    from llmwright.app.source import SettingsSource

    PromptSource = str | os.PathLike[str] | Sequence[str | Mapping[str, Any]] | None

_WEB = re.compile(r"https?://", re.IGNORECASE)
_API_PATH = re.compile(r"(?:/v1(?:/(?:chat/)?completions)?)?/*$")
"""The part of a URL that is the API's own: clients are told an address with it or without."""


def bench(
    target: str,
    *,
    model: str | None = None,
    prompts: PromptSource = None,
    on_progress: OnProgress | None = None,
    namespace: str = "default",
    settings: SettingsSource = None,
    **load: Unpack[WorkloadOptions],
) -> BenchmarkResult:
    """Measure a served model at rising concurrency, and return the figures. The key is ``LLMWRIGHT_API_KEY``.

    Args:
        target: a Workspace of this machine by its name, or the URL of any server that speaks the OpenAI API.
        model: by default the Workspace's, or the only one that the server lists.
        prompts: own prompts in place of made ones: a file of JSON lines, or texts and objects with ``messages``.
        on_progress: called with each ``LevelProgress``, in another thread.
        load: the fields of ``Workload``, such as ``concurrency``, ``requests``, ``input_tokens``, ``output_tokens``.

    Raises:
        ConfigError: an option or the key cannot be used, or the server refuses the requests.
        NotYet: the Workspace does not answer yet.
        TargetError: the endpoint does not answer.

    Example::

        result = llmwright.bench("demo", concurrency=(1, 4), output_tokens=64)
        print(result.levels[-1].output_tokens_per_s, result.levels[0].ttft_ms.p50)
    """
    from llmwright.app.benchmark.workload import Workload

    workload = Workload(prompts=_prompts(prompts, load.get("api", "chat")), **load)
    return benchmark_of(session_of(settings), target, workload, model, namespace, on_progress).run()


def benchmark_of(
    session: Session,
    target: str,
    workload: Workload,
    model: str | None = None,
    namespace: str = "default",
    on_progress: OnProgress | None = None,
) -> Benchmark:
    """Return the benchmark of the model behind ``target``, a name or a URL; nothing has been measured yet.

    Raises:
        ConfigError: the URL cannot be used, or the model is not served there, or must be named.
        NotYet: the Workspace does not answer yet.
        TargetError: the endpoint does not answer, or there is no such Workspace.
    """
    from llmwright.app.benchmark.benchmark import Benchmark
    from llmwright.app.model_client import choose_model, endpoint_of, where_to_look

    if is_url(target):
        url = endpoint_url(target)
        chosen = model or only_model(session, url)
    else:
        served = _workspace(session, namespace, target)
        url = endpoint_of(served, session.this_machine)
        with session.model_client(url, where_to_look(served, session.this_machine)) as client:
            chosen = choose_model(client, served, model)
    return Benchmark(url, chosen, workload, session.api_key, on_progress)


def _workspace(session: Session, namespace: str, name: str) -> Workspace:
    try:
        return session.local_target.get(namespace, name)
    except TargetError as error:
        # The option means a cluster by itself.
        cluster = replace(session.written_place, target="").command(f"bench {name} --cluster", namespace)
        hint = f"{error.hint}; `{cluster}` measures one on a cluster"
        raise TargetError(error.message, hint=hint, reason=error.reason) from error


def is_url(target: str) -> bool:
    """Whether ``target`` is a URL, and not the name of a Workspace."""
    return _WEB.match(target) is not None


def endpoint_url(text: str) -> str:
    """Return the URL without the API's own path.

    Raises:
        ConfigError: it is no URL of a server, or has a user, a password or a query.
    """
    from llmwright.artifacts.addresses import parse_url

    try:
        location = parse_url(text)
    except ValueError as error:
        raise ConfigError(f"the URL cannot be used: {error}", hint="such as http://127.0.0.1:8000") from error
    if location.userinfo:
        raise ConfigError("the URL holds a user or a password", hint="set LLMWRIGHT_API_KEY instead")
    if "?" in location.target or "#" in text:
        raise ConfigError("the URL of an endpoint has no query and no fragment", hint="such as http://127.0.0.1:8000")
    return _API_PATH.sub("", location.url)


def only_model(session: Session, url: str) -> str:
    """Return the name of the only model that ``url`` lists.

    Raises:
        ConfigError: there are several, or the key is refused.
        TargetError: it does not answer, or lists none.
    """
    from llmwright.app.model_client import ModelClient

    with ModelClient(url, session.api_key, _transport(url)) as client:
        try:
            models = client.models()
        except ConfigError as error:
            raise ConfigError(error.message, hint=error.hint or "name the model: --model NAME") from error
        except TargetError as error:
            raise TargetError(
                error.message, hint="is this the address of a model's server?", reason=error.reason
            ) from error
    if not models:
        raise TargetError(f"{url} lists no model", hint="name it: --model NAME")
    if len(models) > 1:
        raise ConfigError(f"{url} serves {len(models)} models", hint=f"name one with --model: {', '.join(models)}")
    return models[0]


def _transport(url: str) -> httpx.BaseTransport:
    """Return the way to ``url`` that the measured requests take too."""
    import httpx

    from llmwright.artifacts.addresses import parse_url
    from llmwright.artifacts.network_environment import proxy_for, trust

    location = parse_url(url)
    # Reading the certificates takes longer than a short benchmark.
    verify = trust() if location.scheme == "https" else False
    return httpx.HTTPTransport(verify=verify, proxy=proxy_for(location))


def _prompts(source: PromptSource, api: Api) -> tuple[Prompt, ...]:
    from llmwright.app.benchmark.prompt_file import prompt_of, read_prompts

    if source is None:
        return ()
    if isinstance(source, str | Path) or not isinstance(source, Sequence):
        return read_prompts(Path(source), api)
    try:
        return tuple(prompt_of(value, api) for value in source)
    except ValueError as error:
        raise ConfigError(f"prompts: one {error}") from error
