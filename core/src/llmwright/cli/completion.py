"""``llmwright completion SHELL``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command(
    epilog="""\b
Examples:
  llmwright completion bash >> ~/.bashrc
  llmwright completion fish > ~/.config/fish/completions/llmwright.fish
"""
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a script that completes llmwright's words in SHELL."""
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    script = kind(ctx.find_root().command, {}, "llmwright", "_LLMWRIGHT_COMPLETE")
    click.echo(script.source())
