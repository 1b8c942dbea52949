"""``modelwright completion SHELL``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command(
    epilog="""\b
Examples:
  modelwright completion bash >> ~/.bashrc
  modelwright completion fish > ~/.config/fish/completions/modelwright.fish
"""
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a script that completes modelwright's words in SHELL."""
    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"no completion for {shell}")
    script = found(ctx.find_root().command, {}, "modelwright", "_MODELWRIGHT_COMPLETE")
    click.echo(script.source())
