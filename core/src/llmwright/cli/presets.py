"""``llmwright presets``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from llmwright.app.session import Session
from llmwright.cli.show.output import dump, format_option, note, size, table

if TYPE_CHECKING:
    from llmwright.values.instance_type import InstanceType
    from llmwright.values.preset import Preset


@click.group(
    invoke_without_command=True,
    epilog="""\b
Examples:
  llmwright presets
  llmwright presets list --license mit -o json
  llmwright presets show phi-4-mini-instruct
""",
)
@click.pass_context
def presets(ctx: click.Context) -> None:
    """Show the models that can be named; without a further word, list them."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_presets)


@presets.command("list")
@click.option("--license", "--licence", "license_", metavar="NAME", help="Only models under this licence.")
@click.option("--fits", metavar="SKU", help="Only models that one machine of this instance type can serve.")
@click.option("--tunable", is_flag=True, help="Only models that can be tuned.")
@format_option()
@click.pass_obj
def list_presets(
    session: Session,
    license_: str | None = None,
    fits: str | None = None,
    tunable: bool = False,
    output: str | None = None,
) -> None:
    """List the models of all installed preset packs."""
    found = [one for one in session.catalogue.presets() if not tunable or one.tunable]
    if license_ is not None:
        found = _licensed(found, license_)
    if fits is not None:
        machine = session.catalogue.instance_type(fits)
        found = [one for one in found if _fits(one, machine)]
    for problem in session.catalogue.problems():
        note(f"warning: {problem}")
    if output:
        dump(found, output)
        return
    if not session.catalogue.presets():
        note("no presets are installed: pip install llmwright-presets")
        return
    headings = ("name", "parameters", "weights", "context", "licence", "runtimes", "tunable")
    table(headings, [_row(one) for one in found])


def _fits(one: Preset, machine: InstanceType) -> bool:
    from llmwright.errors import InvalidWorkspace
    from llmwright.sizing.node_count import node_count

    try:
        return node_count(one, machine) == 1
    except InvalidWorkspace:
        return False


def _row(one: Preset) -> tuple[str, ...]:
    return (
        one.name,
        f"{one.parameters / 1e9:.1f}B" if one.parameters >= 1e8 else f"{one.parameters / 1e6:.1f}M",
        size(one.weight_bytes),
        f"{one.context:,}",
        one.license + (" (gated)" if one.gated else ""),
        ",".join(one.runtimes),
        "yes" if one.tunable else "no",
    )


def _licensed(found: list[Preset], wanted: str) -> list[Preset]:
    from llmwright.errors import ConfigError, did_you_mean

    licences = sorted({one.license for one in found if one.license})
    if wanted.lower() not in (name.lower() for name in licences):
        raise ConfigError(f"no model is under the licence {wanted!r}", hint=did_you_mean(wanted, licences))
    return [one for one in found if one.license.lower() == wanted.lower()]


@presets.command()
@click.argument("name")
@format_option()
@click.pass_obj
def show(session: Session, name: str, output: str | None) -> None:
    """Show one model: source, licence, sizes, and what can serve and tune it."""
    one = session.preset(name)
    if output:
        dump(one, output)
        return
    rows = [
        ("name", one.name),
        ("also called", ", ".join(one.aliases)),
        ("source", f"{one.source}@{one.revision}" if one.source.startswith("hf://") else one.source),
        ("licence", one.license + (" (gated: needs a token of somebody who accepted it)" if one.gated else "")),
        ("parameters", f"{one.parameters:,}"),
        ("weights", f"{size(one.weight_bytes)} as {one.quantization or one.dtype}"),
        ("context", f"{one.context:,} tokens"),
        ("KV cache", f"{size(one.kv_bytes_per_token)} per token"),
        ("runtimes", ", ".join(one.runtimes)),
        ("tuning", f"LoRA on {', '.join(one.lora_targets) or 'all linear layers'}" if one.tunable else "no"),
        ("tool parser", one.tool_call_parser or ""),
        ("reasoning", one.reasoning_parser or ""),
        ("brought by", one.origin),
        ("facts from", one.fact_source),
    ]
    for label, value in rows:
        if value:
            click.echo(f"{label + ':':14}{value}")
