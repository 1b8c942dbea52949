"""``llmwright presets``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from llmwright.app.session import Session
from llmwright.cli.show.output import dump, format_option, note, size, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llmwright.values.instance_type import InstanceType
    from llmwright.values.preset import Preset


@click.group(
    invoke_without_command=True,
    epilog="""\b
Examples:
  llmwright presets
  llmwright presets list --license mit -o json
  llmwright presets show phi-4-mini-instruct
  llmwright presets schema > preset-family.json
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
    chosen = [preset for preset in session.catalogue.presets() if not tunable or preset.tunable]
    if license_ is not None:
        chosen = _licensed(chosen, license_)
    if fits is not None:
        machine = session.catalogue.instance_type(fits)
        chosen = [preset for preset in chosen if _fits(preset, machine)]
    if output:
        dump(chosen, output)
        return
    if not session.catalogue.presets():
        from llmwright.plugins.installing import pip_install

        note(f"no presets are installed: {pip_install('llmwright-presets')}")
        return
    headings = ("name", "parameters", "weights", "context", "licence", "runtimes", "tunable", "pinned")
    table(headings, [_row(preset) for preset in chosen])


def _fits(preset: Preset, machine: InstanceType) -> bool:
    from llmwright.errors import InvalidWorkspace
    from llmwright.sizing.node_count import node_count

    try:
        return node_count(preset, machine) == 1
    except InvalidWorkspace:
        return False


def _row(preset: Preset) -> tuple[str, ...]:
    return (
        preset.name + (" (old)" if preset.retired else ""),
        f"{preset.parameters / 1e9:.1f}B" if preset.parameters >= 1e8 else f"{preset.parameters / 1e6:.1f}M",
        size(preset.weight_bytes),
        f"{preset.context:,}",
        preset.license + (" (gated)" if preset.gated else ""),
        ",".join(preset.runtimes),
        "yes" if preset.tunable else "no",
        "yes" if preset.pinned else "no",
    )


def _licensed(chosen: list[Preset], wanted: str) -> list[Preset]:
    from llmwright.errors import ConfigError, did_you_mean

    licences = sorted({preset.license for preset in chosen if preset.license})
    if wanted.lower() not in (name.lower() for name in licences):
        raise ConfigError(f"no model is under the licence {wanted!r}", hint=did_you_mean(wanted, licences))
    return [preset for preset in chosen if preset.license.lower() == wanted.lower()]


def _options(preset: Preset) -> Iterator[str]:
    """Yield the options that the preset has for each runtime."""
    for runtime, options in preset.runtime_config.items():
        yield f"{runtime} with {', '.join(f'{name}: {value}' for name, value in options.items())}"


def _cache(preset: Preset) -> str:
    per_token = f"{size(preset.kv_bytes_per_token)} per token"
    if preset.kv_windowed_bytes_per_token:
        per_token += f", {size(preset.kv_windowed_bytes_per_token)} of it for the last {preset.kv_window:,} only"
    return f"{per_token}; {size(preset.state_bytes)} of state" if preset.state_bytes else per_token


@presets.command()
@click.argument("name")
@format_option()
@click.pass_obj
def show(session: Session, name: str, output: str | None) -> None:
    """Show one model: source, licence, sizes, and what can serve and tune it.

    With -o it is printed as a file of a preset pack.
    """
    from llmwright.catalogue.lora_layers import lora_layers
    from llmwright.catalogue.model_directory import named_directory, names_a_directory
    from llmwright.catalogue.preset_file import as_family

    preset = session.preset(named_directory(name).as_uri() if names_a_directory(name) else name)
    if output:
        dump(as_family(preset), output)
        for assumption in preset.assumptions:
            note(f"note: {assumption}")
        return
    rows = [
        ("name", preset.name),
        ("old", preset.retired),
        ("also called", ", ".join(preset.aliases)),
        ("source", f"{preset.source}@{preset.revision}" if preset.source.startswith("hf://") else preset.source),
        (
            "pinned",
            "" if preset.pinned else f"no: the weights are what {preset.revision} has when they are loaded",
        ),
        ("licence", preset.license + (" (gated: needs a token of somebody who accepted it)" if preset.gated else "")),
        ("parameters", f"{preset.parameters:,}"),
        ("weights", f"{size(preset.weight_bytes)} as {preset.quantization or preset.dtype}"),
        ("context", f"{preset.context:,} tokens"),
        ("KV cache", _cache(preset)),
        ("runtimes", ", ".join(preset.runtimes)),
        ("options", "; ".join(_options(preset))),
        ("tuning", f"LoRA on {', '.join(lora_layers(preset)) or 'all linear layers'}" if preset.tunable else "no"),
        ("tool parser", preset.tool_call_parser or ""),
        ("reasoning", preset.reasoning_parser or ""),
        ("brought by", preset.origin),
        ("facts from", preset.fact_source),
    ]
    for label, value in rows:
        if value:
            click.echo(f"{label + ':':14}{value}")


@presets.command(
    epilog="""\b
Examples:
  llmwright presets schema > preset-family.json
  llmwright presets schema --kind InstanceTypes -o yaml
Editors check a file as you write it, with this as its first line:
  # yaml-language-server: $schema=preset-family.json
""",
)
@click.option(
    "--kind",
    type=click.Choice(["PresetFamily", "InstanceTypes"]),
    default="PresetFamily",
    show_default=True,
    help="The kind of file.",
)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["json", "yaml"]),
    default="json",
    show_default=True,
    help="Print in this format.",
)
def schema(kind: str, output: str) -> None:
    """Print the JSON schema of a pack's files: models, or machines."""
    from llmwright.catalogue.pack import SCHEMAS

    dump(SCHEMAS[kind](), output)
