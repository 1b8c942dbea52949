"""The root command: what verbs there are, global options, and how errors end."""

from __future__ import annotations

import signal
import sys
from importlib import import_module
from typing import Any, NoReturn

import click

from llmwright.app.session import Session
from llmwright.errors import LLMwrightError
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
    "delete": "Stop and remove Workspaces.",
    "rollout": "Move Workspaces to the plan of today.",
    "check": "Check Workspaces without starting anything.",
    "plan": "Show what would be created, why, and at what cost.",
    "render": "Print exactly what would be run.",
    "init": "Write a commented Workspace to start from.",
    "plugins": "Show installed plugins.",
    "presets": "Show the models that can be named.",
    "instance-types": "Show the machines that can be named.",
    "operator": "Carry out the Workspaces of a cluster.",
    "orphans": "List what was bought for Workspaces that are gone.",
    "crd": "Print the CustomResourceDefinition.",
    "completion": "Print a shell completion script.",
    "version": "Print versions.",
}

EXIT_INTERRUPTED = 130
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
"""


class Verbs(click.Group):
    """A group that knows its commands' summaries and imports a command's module when it is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs in the order in which a newcomer needs them."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now; None for a word that is no verb."""
        if cmd_name not in VERBS:
            return None
        name = cmd_name.replace("-", "_")
        command: click.Command = getattr(import_module(f"llmwright.cli.{name}"), name)
        return command

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
    ctx.obj = Session(**options)


def run_and_exit() -> NoReturn:
    """Run the command line and end the process; every failure is one clear message and a code."""
    try:
        # Without standalone mode click returns the code of an Exit, and otherwise what the verb returned.
        code = root.main(prog_name="llmwright", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        # A second Ctrl-C would only interrupt the exit itself.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        print(file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)
    except LLMwrightError as error:
        _show(error)
        sys.exit(error.exit_code)
    except Exception as error:
        _confess(error)
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


def _show(error: LLMwrightError) -> None:
    style = {"fg": "red", "bold": True} if sys.stderr.isatty() else {}
    lines = error.message.splitlines() or [error.reason]
    for line in lines:
        click.echo(click.style("error: ", **style) + line, err=True)  # type: ignore[arg-type]
    if error.hint:
        click.echo(f"  hint: {error.hint}", err=True)


def _confess(error: Exception) -> None:
    """Say that it is our fault; the traceback goes to a log, for whoever mends it."""
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
    click.echo(f"error: internal error: {type(error).__name__}: {error}", err=True)
    click.echo(f"  hint: this is a bug in llmwright or a plugin; report it with {log}", err=True)
