"""The root command: what verbs there are, global options, and how errors end."""

from __future__ import annotations

import errno
import logging
import os
import sys
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import Any, NoReturn

import click

from llmwright.app.session import AS_PLUGIN, Session
from llmwright.cli import EXIT_INTERRUPTED
from llmwright.cli.interrupts import Terminated, ignore_interrupts, interrupt_verbs
from llmwright.errors import LLMwrightError, PluginError
from llmwright.reading.key_file import KEY, api_key
from llmwright.version import __version__

# Kept here and not read from the verbs' modules, so that --help imports none of them.
VERBS: dict[str, str] = {
    "run": "Run a Workspace in the foreground, from YAML or from a preset's name.",
    "apply": "Create or change Workspaces, and return at once.",
    "get": "List Workspaces.",
    "describe": "Show one Workspace in full: plan, conditions, events.",
    "logs": "Print what a Workspace's processes wrote.",
    "wait": "Wait for a condition.",
    "chat": "Ask a served model.",
    "bench": "Measure a served model, or any OpenAI endpoint.",
    "generate": "Answer a file of requests.",
    "stop": "End what runs, and keep the rest.",
    "start": "Go on with what was stopped.",
    "delete": "Stop and remove Workspaces.",
    "rollout": "Move Workspaces to the plan of today, or back.",
    "check": "Check Workspaces without starting anything.",
    "plan": "Show what would be created, why, and at what cost.",
    "render": "Print exactly what would be run.",
    "init": "Write a commented Workspace to start from.",
    "doctor": "Say what stands in the way here, and what to do.",
    "plugins": "Show installed plugins.",
    "presets": "Show the models that can be named.",
    "model": "Keep models as images in a registry.",
    "images": "List, build and push the container images of a setup.",
    "instance-types": "Show the machines that can be named.",
    "operator": "Carry out the Workspaces of a cluster.",
    "orphans": "List what was bought for Workspaces that are gone.",
    "crd": "Print the CustomResourceDefinition.",
    "rbac": "Print the rights of the operator.",
    "completion": "Print a shell completion script.",
    "version": "Print versions.",
}

EXIT_TERMINATED = 143
EXIT_CLOSED_PIPE = 141
OUTPUT_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
PLACE_OPTIONS = frozenset({"-n", "--namespace", "--context", "--kubeconfig", "--target"})
VALUE_OPTIONS = frozenset({"--settings", "--no-plugin", "--presets"})
"""Options of the root that take a value, so that it is not taken for the verb."""
PLUGIN_PROGRAM = "kubectl-llmwright"
VERBOSE = "llmwright.verbose"
"""Where the context keeps ``--verbose``."""

EPILOG = """\b
Examples:
  llmwright run examples/quickstart.yaml
  llmwright plan -f workspace.yaml
  llmwright apply -f workspace.yaml && llmwright get -w
  llmwright chat my-workspace "Who built the lighthouse?"

\b
Exit codes:
  0    done
  1    it failed, or was not reached in time
  2    what was written cannot be used; nothing was created
  130  interrupted
  141  its output was closed, as by `| head -1`
  143  ended by SIGTERM
"""


class Verbs(click.Group):
    """A group that knows its commands' summaries and imports a command's module when it is run."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does; options of a place may also stand before the verb, as kubectl takes them."""
        return super().parse_args(ctx, behind_the_verb(args))

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs in the order in which a newcomer needs them."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now; None for a word that is no verb."""
        if cmd_name not in VERBS:
            return None
        name = cmd_name.replace("-", "_")
        command: click.Command = getattr(import_module(f"llmwright.cli.{name}"), name)
        interrupt_verbs()
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """As click does, with the code that a shell gives a program whose reader has gone."""
        try:
            return self._invoke_and_flush(ctx)
        except (BrokenPipeError, SystemExit) as error:
            # rich ends the process itself.
            if not isinstance(error, BrokenPipeError) and not isinstance(error.__context__, BrokenPipeError):
                raise
            # What is still buffered would be written once more when the interpreter ends, and fail again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise click.exceptions.Exit(EXIT_CLOSED_PIPE) from error

    def _invoke_and_flush(self, ctx: click.Context) -> Any:
        """Invoke the verb, and write out what it printed: the interpreter could only end in a traceback over that."""
        try:
            result = super().invoke(ctx)
        except click.exceptions.Exit:
            sys.stdout.flush()
            raise
        sys.stdout.flush()
        return result

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of verbs from their summaries alone."""
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with a did-you-mean for a misspelt verb."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from llmwright.errors import did_you_mean

            hint = did_you_mean(args[0], VERBS, "llmwright --help")
            raise click.UsageError(f"no command {args[0]!r}: {hint}", ctx) from error


def behind_the_verb(args: list[str]) -> list[str]:
    """Return ``args`` with ``-n``, ``--context`` and the like moved from before the verb behind it; pure."""
    kept: list[str] = []
    moved: list[str] = []
    rest = list(args)
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        name, has_value, _ = option.partition("=")
        to = moved if name in PLACE_OPTIONS or (option.startswith("-n") and not option.startswith("--")) else kept
        to.append(option)
        takes_value = name in PLACE_OPTIONS or name in VALUE_OPTIONS
        if takes_value and not has_value and rest:
            to.append(rest.pop(0))
    # What stands behind `--` is no option.
    last = rest.index("--") if "--" in rest else len(rest)
    return [*kept, *rest[:last], *moved, *rest[last:]]


@click.command(
    cls=Verbs, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.option("--settings", "settings_file", type=click.Path(dir_okay=False), help="Read settings from this file.")
@click.option("--no-plugin", "blocked", multiple=True, metavar="NAME", help="Do as if this plugin were not installed.")
@click.option("--presets", "preset_dirs", multiple=True, type=click.Path(), help="Directory with presets of your own.")
@click.option("-v", "--verbose", is_flag=True, help="Say more on stderr.")
@click.version_option(__version__, prog_name="llmwright", message="%(prog)s %(version)s")
@click.pass_context
def root(ctx: click.Context, /, verbose: bool, **options: Any) -> None:
    """Serve or tune a language model from one short YAML."""
    ctx.meta[VERBOSE] = verbose
    # For this process and all that it starts: servers take the variable.
    if key := api_key(os.environ):
        os.environ[KEY] = key
    ctx.obj = Session(**options, tell=_tell)
    if ctx.info_name == AS_PLUGIN:
        ctx.obj.chosen_target, ctx.obj.program = "kubernetes", AS_PLUGIN


def _tell(message: str) -> None:
    click.echo(message, err=True)


def run_and_exit() -> NoReturn:
    """Run the command line and end the process; every failure is one clear message and a code."""
    # The traceback of a plugin's method is for a file: see ``_show``. Where nobody takes it, Python prints it.
    # A command tells itself that it waits for an API server.
    for name in ("llmwright.plugins.driver_calls", "llmwright.targets.kubernetes.cluster.reach"):
        logging.getLogger(name).addHandler(logging.NullHandler())
    _take_every_character()
    code = _run()
    # It would interrupt nothing but this process's end, and Python would print that.
    ignore_interrupts()
    sys.exit(code)


def _run() -> int:
    try:
        # Without standalone mode click returns the code of an Exit, and otherwise what the verb returned.
        name = AS_PLUGIN if Path(sys.argv[0]).name == PLUGIN_PROGRAM else "llmwright"
        code = root.main(prog_name=name, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort) as error:
        ignore_interrupts()
        print(file=sys.stderr)
        terminated = isinstance(error, Terminated) or isinstance(error.__cause__, Terminated)
        return EXIT_TERMINATED if terminated else EXIT_INTERRUPTED
    except LLMwrightError as error:
        _show(error)
        return error.exit_code
    except Exception as error:
        if not (isinstance(error, OSError) and _output_failed(error)):
            _confess(error)
        return 1
    return code if isinstance(code, int) else 0


def _take_every_character() -> None:
    """Replace characters that the encoding of stdout or stderr lacks, instead of failing over them."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def _output_failed(error: OSError) -> bool:
    """Name an error of stdout itself, and return whether it was one."""
    if error.errno not in OUTPUT_ERRORS or error.filename is not None:
        return False
    # What is still buffered would fail again when the interpreter ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    click.echo(f"error: the output cannot be written: {error.strerror}", err=True)
    click.echo("  hint: free some space, or send the output elsewhere", err=True)
    return True


def _show(error: LLMwrightError) -> None:
    if isinstance(error, PluginError) and isinstance(error.__cause__, BaseException):
        _keep_traceback(error)
    style = {"fg": "red", "bold": True} if sys.stderr.isatty() else {}
    lines = error.message.splitlines() or [error.reason]
    for line in lines:
        click.echo(click.style("error: ", **style) + line, err=True)  # type: ignore[arg-type]
    if error.hint:
        click.echo(f"  hint: {error.hint}", err=True)


def _keep_traceback(error: Exception) -> Path:
    """Write the traceback to a log, to stderr where that cannot be written; return the log's path."""
    import traceback

    from platformdirs import user_log_path

    text = "".join(traceback.format_exception(error))
    log = user_log_path("llmwright", appauthor=False) / "errors.log"
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            file.write(f"{sys.argv!r}\n{text}\n")
    except OSError:
        click.echo(text, err=True)
    return log


def _confess(error: Exception) -> None:
    """Say that it is our fault; the traceback goes to a log, for whoever mends it."""
    log = _keep_traceback(error)
    click.echo(f"error: internal error: {type(error).__name__}: {error}", err=True)
    click.echo(f"  hint: this is a bug in llmwright or a plugin; report it with {log}", err=True)
