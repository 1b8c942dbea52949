"""``llmwright plugins``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from llmwright.app.session import Session
from llmwright.cli.plugin_template import KINDS, distribution, plugin_files
from llmwright.cli.show.output import dump, format_option, plain, table
from llmwright.errors import ConfigError

if TYPE_CHECKING:
    from llmwright.errors import PluginError
    from llmwright.plugins.discovery import PluginEntry


@click.group(
    invoke_without_command=True,
    epilog="""\b
Examples:
  llmwright plugins
  llmwright plugins list --check
  llmwright plugins show qlora
  llmwright plugins show runtime:hf
  llmwright plugins reference tuner
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
    """List every plugin that is found, blocked, doubled, misdeclared or of another interface; imports none of them."""
    failures = {row.entry: str(row.error) for row in session.registry.check_loads()} if check else {}
    rows = [{**plain(row), **_checked(row, failures, check)} for row in session.found_plugins]
    if output:
        dump(rows, output)
    else:
        headings = ("kind", "name", "distribution", "version", "interface", "state", *(("loads",) if check else ()))
        table(headings, [[_cell(row.get(heading)) for heading in headings] for row in rows])
        for row in rows:
            if row["detail"]:
                click.echo(f"{row['kind']} {row['name']} of {row['distribution']}: {row['detail']}", err=True)
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
    """Show one plugin, by its name, KIND:NAME or distribution: what it can do, its options and its settings."""
    details = [_details(session, row) for row in _named(session, name)]
    if output:
        dump(details, output)
        return
    for number, plugin in enumerate(details):
        if number:
            click.echo()
        tables = {heading: plugin.pop(heading) for heading in ("options", "settings") if heading in plugin}
        for key, value in plugin.items():
            click.echo(f"{key + ':':15}{value}")
        for heading, schema in tables.items():
            _show_options(heading, schema or {})


@plugins.command(
    epilog="""\b
Examples:
  llmwright plugins new runtime parrot
  llmwright plugins new provisioner acme-cloud --directory ~/src/acme
"""
)
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("name")
@click.option("--directory", type=click.Path(path_type=Path), help="Where to write; llmwright-KIND-NAME by default.")
def new(kind: str, name: str, directory: Path | None) -> None:
    """Write a plugin of your own: a small one that works, with its tests, to be changed."""
    where = directory or Path(distribution(kind, name))
    contents = plugin_files(kind, name)
    if where.exists() and (not where.is_dir() or any(where.iterdir())):
        raise ConfigError(f"{where} is there already", hint="name another place with --directory")
    for path, text in contents.items():
        (where / path).parent.mkdir(parents=True, exist_ok=True)
        (where / path).write_text(text, encoding="utf-8")
        click.echo(f"wrote {where / path}")
    click.echo(f"next: cd {shlex.quote(str(where))} && pip install -e '.[test]' && pytest", err=True)


@plugins.command(
    epilog="""\b
Examples:
  llmwright plugins reference tuner
  llmwright plugins reference runtime Launch Process
"""
)
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("names", nargs=-1)
def reference(kind: str, names: tuple[str, ...]) -> None:
    """Print the reference for authors of plugins of that kind: methods, declarations, values; or of these names."""
    from llmwright.cli.plugin_reference import reference as text_of

    text = text_of(kind, names)
    if not text:
        raise ConfigError(
            f"the reference of a {kind} has no {', '.join(names)}", hint=f"`llmwright plugins reference {kind}` has all"
        )
    click.echo(text)


def _named(session: Session, name: str) -> list[PluginEntry]:
    rows = [row for row in session.found_plugins if row.answers_to(name)]
    if not rows:
        raise _nobody(name, session.found_plugins)
    return rows


def _nobody(name: str, rows: tuple[PluginEntry, ...]) -> PluginError:
    """Return the error for a name that no plugin has: the pip line where it is known, else what may be meant."""
    from llmwright.errors import PluginNotFound, did_you_mean
    from llmwright.plugins.discovery import KINDS
    from llmwright.plugins.failures import not_found
    from llmwright.plugins.known import requirement

    asked, _, plain_name = name.rpartition(":")
    kind = next((kind for kind in KINDS if asked == kind or (not asked and requirement(kind, name))), None)
    if kind is not None:
        return not_found(kind, plain_name, rows)
    hint = did_you_mean(name, {row.name for row in rows}, "llmwright plugins list")
    return PluginNotFound(f"no plugin {name!r} is installed", hint=hint)


def _details(session: Session, row: PluginEntry) -> dict[str, Any]:
    details: dict[str, Any] = {"name": row.name, "kind": row.kind, "distribution": row.origin, "module": row.target}
    if row.state != "found":
        return {**details, "state": f"{row.state}: {row.detail}"}
    if row.kind == "hook":
        plugin, answers = session.registry.hook(row)
        about = {"about": _first_line(plugin), "answers": ", ".join(sorted(answers))}
        return {**details, **about, "settings": _schema(plugin, "settings_model")}
    driver = session.registry.driver(row.kind, row.name)
    details["targets"] = ", ".join(sorted(driver.targets))
    details["about"] = _first_line(driver)
    capabilities = getattr(driver, "capabilities", None)
    if capabilities is not None:
        details["capabilities"] = str(capabilities)
    engines = getattr(driver, "engines", {})
    details |= {f"engine {name}": str(engine.capabilities) for name, engine in engines.items()}
    options = _schema(driver, "described_by") or _schema(driver, "config_model")
    return {**details, "options": options, "settings": _schema(driver, "settings_model")}


def _first_line(plugin: Any) -> str:
    return next(iter((getattr(plugin, "__doc__", None) or "").strip().splitlines()), "")


def _schema(plugin: Any, attribute: str) -> dict[str, Any] | None:
    """Return the JSON schema of the pydantic model in that attribute of a plugin; None without one."""
    model = getattr(plugin, attribute, None)
    schema: dict[str, Any] | None = model.model_json_schema() if model is not None else None
    return schema


def _show_options(heading: str, schema: dict[str, Any]) -> None:
    properties = schema.get("properties", {})
    if not properties:
        click.echo(f"{heading + ':':15}none")
        return
    click.echo(f"{heading}:")
    rows = [(name, _type(field), _default(field), field.get("description", "")) for name, field in properties.items()]
    table(("  option", "type", "default", "what it does"), [("  " + row[0], *row[1:]) for row in rows])


def _type(field: dict[str, Any]) -> str:
    if "enum" in field:
        return "|".join(str(value) for value in field["enum"])
    if "anyOf" in field:
        return "|".join(_type(choice) for choice in field["anyOf"] if choice.get("type") != "null")
    return str(field.get("type", field.get("$ref", "any").rpartition("/")[2]))


def _default(field: dict[str, Any]) -> str:
    default = field.get("default")
    return str(default) if default is not None and not isinstance(default, dict) else "-"
