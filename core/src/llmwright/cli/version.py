"""``llmwright version``."""

from __future__ import annotations

import platform
from importlib.metadata import distributions

import click

from llmwright.cli.show.output import dump, format_option, table
from llmwright.plugins.discovery import identity


@click.command(epilog="\b\nExamples:\n  llmwright version\n  llmwright version -o json\n")
@format_option()
def version(output: str | None) -> None:
    """Print the versions of LLMwright's packages and of what they run on."""
    versions = {"python": platform.python_version(), **_installed()}
    if output:
        dump(versions, output)
    else:
        table(("package", "version"), versions.items())


def _installed() -> dict[str, str]:
    wanted = ("torch", "transformers", "peft", "bitsandbytes")
    versions: dict[str, str] = {}
    for distribution in distributions():
        name, version = identity(distribution)
        # Of one that lies twice on sys.path the first is imported.
        versions.setdefault(name, version)
    ours = sorted(name for name in versions if name.startswith("llmwright"))
    return {name: versions[name] for name in (*ours, *wanted) if name in versions}
