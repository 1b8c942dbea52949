"""``llmwright bench``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from llmwright.app.session import Session
from llmwright.cli import arguments
from llmwright.cli.interrupts import terminate_as_interrupt
from llmwright.cli.show.output import dump, format_option, note, note_repairs
from llmwright.errors import ConfigError, TargetError

if TYPE_CHECKING:
    from llmwright.app.benchmark.result import BenchmarkResult


def ladder(text: str) -> tuple[int, ...]:
    """Return levels of concurrency such as ``1,8,32``, as an option's type."""
    levels = [part.strip() for part in text.split(",")]
    if not all(level.isascii() and level.isdigit() and len(level) < 10 and int(level) for level in levels):
        raise click.BadParameter(f"{text!r} is no list of numbers; write 1,8,32")
    return tuple(map(int, levels))


@click.command(
    epilog="""\b
Examples:
  llmwright bench my-workspace
  llmwright bench http://127.0.0.1:8000 --concurrency 1,8,32 --plot bench.svg
  llmwright bench https://api.example.com/v1 --model NAME --duration 30s -o json
  llmwright bench my-workspace --prompts questions.jsonl --output-tokens 256
  llmwright bench my-workspace --cluster -n models

\b
A server that asks for a key gets LLMWRIGHT_API_KEY. It ends with 0 where each level has answers, even
if some requests failed (the table says how many), and with 1 where a level has none.
"""
)
@click.argument("target", metavar="NAME|URL")
@click.option(
    "--concurrency",
    type=ladder,
    default="1,8,32",
    show_default=True,
    metavar="N,N",
    help="Requests at a time, by level.",
)
@click.option("--requests", type=click.IntRange(1), help="Requests of a level; 3 for each client, 10 at least.")
@click.option(
    "--duration", "duration_s", type=arguments.span, metavar="SPAN", help="Begin no request later in a level."
)
@click.option("--input-tokens", type=click.IntRange(1), default=128, show_default=True, help="Length of a prompt.")
@click.option("--output-tokens", type=click.IntRange(1), default=128, show_default=True, help="Length of an answer.")
@click.option("--prompts", metavar="FILE", help="Own prompts: JSON lines of texts or of {prompt} or {messages}.")
@click.option("--model", help="By default the Workspace's, or the only one that the server lists.")
@click.option("--api", type=click.Choice(["chat", "completions"]), default="chat", show_default=True, help="The route.")
@click.option("--stream/--no-stream", default=True, show_default=True, help="Whole answers have no first token.")
@click.option("--warmup", type=click.IntRange(0), default=1, show_default=True, help="Uncounted requests of a client.")
@arguments.request_timeout
@click.option("--temperature", type=click.FloatRange(0, 2), default=0.0, show_default=True, help="0 is greedy.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the prompts that are made.")
@click.option("--ignore-eos/--no-ignore-eos", default=None, help="Answers of full length; not with --prompts.")
@click.option("--plot", metavar="FILE", help="Write a picture too, .svg or .png.")
@click.option("--kaito", is_flag=True, help="Print KAITO's two log lines too, of the level with the most tokens.")
@click.option("--cluster", is_flag=True, help="As --target kubernetes: kubectl forwards a port to one of its pods.")
@format_option()
@arguments.placed
@click.pass_obj
def bench(
    session: Session,
    /,
    target: str,
    prompts: str | None,
    model: str | None,
    namespace: str | None,
    plot: str | None,
    kaito: bool,
    cluster: bool,
    output: str | None,
    **load: Any,
) -> None:
    """Measure the Workspace NAME, or the server at URL, which speaks the OpenAI API.

    For each level of concurrency: time to first token, time per output token, latency, tokens and answers per second,
    failures by kind. Ctrl-C prints what has been measured.
    """
    if kaito and output:
        raise click.UsageError("--kaito prints lines of its own; leave out -o")
    from llmwright.app.bench import benchmark_of
    from llmwright.app.benchmark.plot import check_plot
    from llmwright.app.benchmark.prompt_file import read_prompts
    from llmwright.app.benchmark.workload import Workload
    from llmwright.cli.show.benchmark import BenchmarkBar
    from llmwright.cli.show.console import open_console

    workload = Workload(prompts=read_prompts(prompts, load["api"]) if prompts else (), **load)
    if plot:
        check_plot(Path(plot))
    terminate_as_interrupt()
    bar = BenchmarkBar(open_console(stderr=True))
    if cluster:
        session.chosen_target = "kubernetes"
    with _address(session, target, namespace) as place:
        benchmark = benchmark_of(session, place, workload, model, namespace or "default", bar.show)
        try:
            with bar:
                benchmark.run()
        finally:
            # After Ctrl-C too: minutes of measurement are not thrown away.
            _report(benchmark.result(), output, plot, kaito=kaito)
    if not benchmark.result().succeeded:
        raise click.exceptions.Exit(1)


@contextmanager
def _address(session: Session, target: str, namespace: str | None) -> Iterator[str]:
    """Yield what is measured: the URL or the name as given, or a port that leads to the Workspace on its cluster."""
    from llmwright.app.bench import is_url

    if is_url(target):
        if session.chosen_target == "kubernetes" or session.kubeconfig or session.context:
            raise click.UsageError("a URL is measured as it is; leave out the options of a cluster")
        yield target
    elif session.on_cluster:
        from llmwright.app.port_forward import PortForward

        where = namespace or session.cluster_namespace
        with ExitStack() as stack:
            try:
                url = stack.enter_context(PortForward(where, target, session.kubeconfig, session.context, session.tell))
            except TargetError:
                _require_answer(session, where, target)
                raise
            note("measured through kubectl: one pod, and the API server before it")
            yield url
    else:
        note_repairs(session.target.repair())
        yield target


def _require_answer(session: Session, namespace: str, name: str) -> None:
    """Raise the error of a Workspace that is not there, or does not answer yet, where the cluster can tell."""
    from llmwright.app.model_client import endpoint_of

    with suppress(ConfigError):
        endpoint_of(session.cluster_target.get(namespace, name), session.same_place)


def _report(result: BenchmarkResult, output: str | None, plot: str | None, *, kaito: bool) -> None:
    from llmwright.cli.show.benchmark import show_benchmark

    if not result.levels:
        plot = None
    elif output:
        dump(result, output)
    else:
        show_benchmark(result)
    if plot:
        from llmwright.app.benchmark.plot import write_plot

        write_plot(result, Path(plot))
        note(f"the plot is in {plot}")
    if kaito:
        from datetime import UTC, datetime

        from llmwright.app.benchmark.kaito_lines import kaito_lines

        for line in kaito_lines(result, datetime.now(UTC)):
            click.echo(line)
