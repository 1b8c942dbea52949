"""``llmwright init tune|serve``."""

from __future__ import annotations

import json
import re
import shlex
from importlib.resources import files
from pathlib import Path
from string import Template

import click

from llmwright.errors import ConfigError

DATA = "questions.parquet"
PLAIN = re.compile(r"[\w./][\w./:+@?&=%~-]*")
"""A file or URL that YAML reads as it is, without quotes."""


@click.command(
    epilog="""\b
Examples:
  llmwright init tune --data questions.jsonl
  llmwright init serve --preset phi-4-mini-instruct --name phi -f phi.yaml
  llmwright init tune -f - | less
"""
)
@click.argument("purpose", type=click.Choice(["tune", "serve"]))
@click.option("--preset", default="demo", show_default=True, help="The model; `llmwright presets list` shows them.")
@click.option("--name", help="The Workspace's name; PURPOSE-PRESET where none is given.")
@click.option("--data", metavar="FILE|URL", help=f"What to tune on; {DATA} where none is given.")
@click.option("-f", "--filename", default="workspace.yaml", show_default=True, help="File to write; - for stdout.")
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
def init(purpose: str, preset: str, name: str | None, data: str | None, filename: str, force: bool) -> None:
    """Write a commented Workspace that says what each field does."""
    if data is not None and purpose != "tune":
        raise ConfigError("--data is for `init tune`", hint="a server reads no data set: leave it out")
    template = Template(files("llmwright.cli").joinpath("templates", f"{purpose}.yaml").read_text(encoding="utf-8"))
    called = name or f"{purpose}-{preset.rpartition('/')[2]}".lower()
    text = template.substitute(name=called, preset=preset, data=_scalar(data or DATA))
    if filename == "-":
        click.echo(text, nl=False)
        return
    path = Path(filename)
    if path.exists() and not force:
        raise ConfigError(f"{filename} is there already", hint="name another file with -f, or replace it with --force")
    path.write_text(text, encoding="utf-8")
    click.echo(f"wrote {filename}; next: llmwright plan -f {shlex.quote(filename)}")


def _scalar(text: str) -> str:
    """Return ``text`` as a value in YAML, in quotes where it needs them."""
    return text if PLAIN.fullmatch(text) and not text.endswith(":") else json.dumps(text)
