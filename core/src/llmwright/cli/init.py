"""``llmwright init tune|serve``."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from string import Template

import click

from llmwright.errors import ConfigError


@click.command(
    epilog="""\b
Examples:
  llmwright init tune
  llmwright init serve --preset phi-4-mini-instruct --name phi -f phi.yaml
  llmwright init tune -f - | less
"""
)
@click.argument("purpose", type=click.Choice(["tune", "serve"]))
@click.option("--preset", default="demo", show_default=True, help="The model; `llmwright presets list` shows them.")
@click.option("--name", help="The Workspace's name; PURPOSE-PRESET where none is given.")
@click.option("-f", "--filename", default="workspace.yaml", show_default=True, help="File to write; - for stdout.")
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
def init(purpose: str, preset: str, name: str | None, filename: str, force: bool) -> None:
    """Write a commented Workspace that says what each field does."""
    template = Template(files("llmwright.cli").joinpath("templates", f"{purpose}.yaml").read_text(encoding="utf-8"))
    text = template.substitute(name=name or f"{purpose}-{preset.rpartition('/')[2]}".lower(), preset=preset)
    if filename == "-":
        click.echo(text, nl=False)
        return
    path = Path(filename)
    if path.exists() and not force:
        raise ConfigError(f"{filename} is there already", hint="name another file with -f, or replace it with --force")
    path.write_text(text, encoding="utf-8")
    click.echo(f"wrote {filename}; next: llmwright plan -f {filename}")
