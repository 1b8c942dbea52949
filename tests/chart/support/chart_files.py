"""Make the files of the chart that follow from the code: ``python -m tests.chart.support.chart_files``.

The CRD and the rules of RBAC, as the operator's code has them; ``values.yaml``, ``values.schema.json`` and the table of
``docs/chart.md``, from ``values.source.yaml`` and the models of the settings; alert rules and dashboard; the version.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from llmwright.api.crd import crd
from llmwright.plugins.driver_set import KINDS, DriverSet
from llmwright.plugins.drivers import AccessRule
from llmwright.plugins.registry import Registry
from llmwright.settings.model import Settings
from llmwright.targets.kubernetes.operator import rbac
from llmwright.version import __version__

ROOT = Path(__file__).parents[3]
CHART = ROOT / "deploy/chart"
GRAFANA = ROOT / "deploy/grafana"
SHARED = ("alerts.yml", "dashboard.json")
"""Helm reads no file beside the chart's folder, and speaks up at each link."""
PAGE = ROOT / "docs/chart.md"
MARKED = re.compile(r"(<!-- values -->\n).*(<!-- /values -->)", re.DOTALL)
VERSION = re.compile(r"^(version|appVersion): .*$", re.MULTILINE)
MADE = "# Made by `make chart` from {source}. Do not edit.\n"
CLUSTER = "kubernetes"

Schema = dict[str, Any]


def files() -> dict[Path, str]:
    """Return each made file with its text."""
    source = yaml.safe_load((CHART / "values.source.yaml").read_text())
    drivers = DriverSet.of_registry(Registry())
    page = PAGE.read_text(encoding="utf-8")
    about = (CHART / "Chart.yaml").read_text()
    return {
        CHART / "Chart.yaml": VERSION.sub(lambda match: f"{match[1]}: {__version__}", about),
        CHART / "files/crd.yaml": _dump(_definition(drivers), "`llmwright crd`"),
        CHART / "files/rbac.yaml": _dump(_rights(drivers), "targets/kubernetes/operator/rbac.py and the drivers"),
        CHART / "values.yaml": MADE.format(source="values.source.yaml") + "\n".join(_values(source, 0)),
        CHART / "files/defaults.yaml": _dump(_defaults(source), "values.source.yaml"),
        CHART / "values.schema.json": json.dumps(_schema(source, drivers), indent=1, ensure_ascii=False) + "\n",
        **{CHART / "files/grafana" / name: (GRAFANA / name).read_text(encoding="utf-8") for name in SHARED},
        PAGE: MARKED.sub(lambda match: f"{match[1]}{_table(source)}{match[2]}", page),
    }


def _dump(content: Any, source: str) -> str:
    return MADE.format(source=source) + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120)


def _definition(drivers: DriverSet) -> Schema:
    return crd(options_fixed=not drivers.named("provisioner", lambda driver: driver.mutable_options))


def _rights(drivers: DriverSet) -> Schema:
    """All objects without drivers and webhook; what these add; and the rules of each driver."""
    plain, with_webhook = (rbac.manifests("NAMESPACE", "ACCOUNT", webhook=webhook) for webhook in (False, True))
    before, after = (
        next(each for each in objects if _is_operators(each))["rules"] for objects in (plain, with_webhook)
    )
    declared = {
        kind: {name: _rules(driver.access_rules) for name, driver in _on_clusters(drivers, kind)} for kind in KINDS
    }
    return {
        "objects": plain,
        "webhookObjects": [each for each in with_webhook if each not in plain and not _is_operators(each)],
        "webhookRules": [rule for rule in after if rule not in before],
        "provisioners": declared.pop("provisioner"),
        "others": {name: rules for drivers in declared.values() for name, rules in drivers.items() if rules},
    }


def _is_operators(each: Schema) -> bool:
    return (each["kind"], each["metadata"]["name"]) == ("ClusterRole", rbac.NAME)


def _rules(declared: tuple[AccessRule, ...]) -> list[Schema]:
    return [{"apiGroups": [rule.group], "resources": [*rule.resources], "verbs": [*rule.verbs]} for rule in declared]


def _on_clusters(drivers: DriverSet, kind: Any) -> Iterator[tuple[str, Any]]:
    return ((name, driver) for name, driver in drivers.usable(kind) if CLUSTER in driver.targets)


def _schema(source: Schema, drivers: DriverSet) -> Schema:
    """The JSON schema of the values: every object without ``properties`` in the source stays open."""
    definitions = dict(source["$defs"])
    about = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Values of the chart llmwright"}
    settings = _settings(drivers, definitions)

    def made(part: Schema) -> Schema:
        if "$settings" in part:
            return {"description": part["description"], **settings}
        if "$driver" in part:
            kind, name = part["$driver"].split("/")
            model = drivers.get(kind, name).settings_model
            return {"description": part["description"], **_of_model(model, definitions)}
        if "properties" not in part or "type" in part:
            return part
        inner = {name: made(each) for name, each in part["properties"].items()}
        return {**{key: each for key, each in part.items() if key == "description"}, **_closed(inner)}

    values = made({"properties": source["properties"]})
    # Helm hands the values of parent charts down under this name.
    values["properties"]["global"] = {"type": "object"}
    return {**about, **values, "$defs": definitions}


def _closed(properties: Schema) -> Schema:
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _settings(drivers: DriverSet, definitions: Schema) -> Schema:
    """The schema of all settings, with that of each driver's own in its place."""
    settings = _of_model(Settings, definitions)
    by_kind = definitions["PluginSettings"]["properties"]
    for kind in KINDS:
        own = {
            name: _of_model(driver.settings_model, definitions)
            for name, driver in _on_clusters(drivers, kind)
            if driver.settings_model is not None
        }
        by_kind[kind] = {**by_kind[kind], "properties": own}
    return settings


def _of_model(model: Any, definitions: Schema) -> Schema:
    if model is None:
        return _closed({})
    schema: Schema = model.model_json_schema(by_alias=True)
    for name, part in schema.pop("$defs", {}).items():
        assert definitions.setdefault(name, part) == part or name == "PluginSettings", f"two models are named {name}"
    untitled: Schema = _without_titles(schema)
    return untitled


def _without_titles(schema: Any) -> Any:
    if isinstance(schema, dict):
        # A title that is no text is a field of that name.
        return {
            key: _without_titles(each) for key, each in schema.items() if key != "title" or not isinstance(each, str)
        }
    return [_without_titles(each) for each in schema] if isinstance(schema, list) else schema


def _is_section(part: Schema) -> bool:
    return "properties" in part and "type" not in part


def _values(part: Schema, depth: int) -> Iterator[str]:
    """The lines of ``values.yaml``: each key under its description, with its default."""
    indent = "  " * depth
    for name, each in part["properties"].items():
        if depth == 0:
            yield ""
        yield from textwrap.wrap(
            each["description"], 118, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ",
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip
        if _is_section(each):
            yield f"{indent}{name}:"
            yield from _values(each, depth + 1)
        else:
            yield f"{indent}{name}: {json.dumps(each['default'], ensure_ascii=False)}"
    if depth == 0:
        yield ""


def _defaults(part: Schema) -> Schema:
    """The values, for templates: Helm shows them none but those that the release is rendered with."""
    return {
        name: _defaults(each) if _is_section(each) else each["default"] for name, each in part["properties"].items()
    }


def _rows(part: Schema, path: tuple[str, ...]) -> Iterator[str]:
    for name, each in part["properties"].items():
        here = ".".join((*path, name))
        if _is_section(each):
            yield f"| **`{here}`** | | {_cell(each['description'])} |"
            yield from _rows(each, (*path, name))
        else:
            default = json.dumps(each["default"], ensure_ascii=False)
            yield f"| `{here}` | {_cell(f'`{default}`')} | {_cell(each['description'])} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _table(source: Schema) -> str:
    return "\n".join(["| value | default | |", "|---|---|---|", *_rows(source, ())]) + "\n"


def main() -> None:
    """Write all of them."""
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
