"""``llmwright plugins``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from llmwright.app.session import Session
from llmwright.cli.show.output import dump, format_option, plain, table

if TYPE_CHECKING:
    from llmwright.plugins.discovery import Kind, PluginEntry


@click.group(
    invoke_without_command=True,
    epilog="""\b
Examples:
  llmwright plugins
  llmwright plugins list --check
  llmwright plugins show qlora
""",
)
@click.pass_context
def plugins(ctx: click.Context) -> None:
    """Show installed plugins; without a further word, list them."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_plugins)


@plugins.command("list")
@click.option("--check", is_flag=True, help="Load each in a process of its own, and end with 1 if one fails.")
@format_option()
@click.pass_obj
def list_plugins(session: Session, check: bool = False, output: str | None = None) -> None:
    """List every plugin that is found, blocked, doubled or of another interface; imports none of them."""
    failures = {row.entry: str(row.error) for row in session.registry.check_loads()} if check else {}
    rows = [{**plain(row), **_checked(row, failures, check)} for row in session.found_plugins]
    if output:
        dump(rows, output)
    else:
        headings = ("kind", "name", "distribution", "version", "interface", "state", *(("loads",) if check else ()))
        table(headings, [[_cell(row.get(heading)) for heading in headings] for row in rows])
        for row in rows:
            if row["detail"]:
                click.echo(f"{row['kind']} {row['name']}: {row['detail']}", err=True)
    if any(failures.values()):
        raise click.exceptions.Exit(1)


def _checked(row: PluginEntry, failures: dict[PluginEntry, str], check: bool) -> dict[str, Any]:
    return {"loads": not failures[row], "detail": failures[row] or row.detail} if check else {}


def _cell(value: Any) -> str:
    return {True: "yes", False: "no", None: "-"}[value] if value is None or isinstance(value, bool) else str(value)


@plugins.command()
@click.argument("name")
@format_option()
@click.pass_obj
def show(session: Session, name: str, output: str | None) -> None:
    """Show one plugin: where it comes from, what it can do, and the JSON schema of its options."""
    details = [_details(session, row) for row in _named(session, name)]
    if output:
        dump(details, output)
        return
    for plugin in details:
        schema = plugin.pop("options") or {}
        for key, value in plugin.items():
            click.echo(f"{key + ':':15}{value}")
        _show_options(schema)


def _named(session: Session, name: str) -> list[PluginEntry]:
    from llmwright.plugins.failures import not_found

    rows = [row for row in session.found_plugins if row.name == name]
    if not rows:
        kind: Kind = "runtime"
        raise not_found(kind, name, session.found_plugins)
    return rows


def _details(session: Session, row: PluginEntry) -> dict[str, Any]:
    details: dict[str, Any] = {"name": row.name, "kind": row.kind, "distribution": row.origin, "module": row.target}
    if row.kind == "hook":
        return {**details, "options": None}
    driver = session.registry.driver(row.kind, row.name)
    details["targets"] = ", ".join(sorted(driver.targets))
    details["about"] = (driver.__doc__ or "").strip().splitlines()[0]
    capabilities = getattr(driver, "capabilities", None)
    if capabilities is not None:
        details["capabilities"] = str(capabilities)
    return {**details, "options": driver.config_model.model_json_schema() if driver.config_model else None}


def _show_options(schema: dict[str, Any]) -> None:
    properties = schema.get("properties", {})
    if not properties:
        click.echo("options:       none")
        return
    click.echo("options:")
    rows = [(name, _type(field), _default(field), field.get("description", "")) for name, field in properties.items()]
    table(("  option", "type", "default", "what it does"), [("  " + row[0], *row[1:]) for row in rows])


def _type(field: dict[str, Any]) -> str:
    if "enum" in field:
        return "|".join(str(value) for value in field["enum"])
    if "anyOf" in field:
        return "|".join(_type(choice) for choice in field["anyOf"] if choice.get("type") != "null")
    return str(field.get("type", field.get("$ref", "any").rpartition("/")[2]))


def _default(field: dict[str, Any]) -> str:
    return str(field["default"]) if field.get("default") is not None else "-"
