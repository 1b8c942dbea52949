"""Workspaces as rows, with the printer columns of the CustomResourceDefinition."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from llmwright.cli.show.output import age, dump, progress_cell

if TYPE_CHECKING:
    from llmwright.api.workspace import Workspace

CONDITION = re.compile(r"\.status\.conditions\[\?\(@\.type==\"(\w+)\"\)\]\.status")
GAP = "   "


class WorkspaceTable:
    """Prints rows under one heading line, and later only those that changed.

    Where it is ``wide`` the last column is how far a download of weights or a tuning is, which no column of the
    CustomResourceDefinition can tell.
    """

    def __init__(self, *, wide: bool, namespaces: bool, headings: bool) -> None:
        from llmwright.api.crd import printer_columns

        self._columns = [c for c in printer_columns("v1beta1") if wide or not c.get("priority")]
        self._wide = wide
        self._namespaces = namespaces
        self._headings = headings
        self._shown: dict[tuple[str, str], list[str]] = {}
        self._widths: list[int] = []

    def print(self, workspaces: Sequence[Workspace]) -> None:
        """All rows, the columns as wide as they need."""
        first = (["NAMESPACE"] if self._namespaces else []) + ["NAME"]
        last = ["PROGRESS"] if self._wide else []
        headings = [*first, *(column["name"].upper() for column in self._columns), *last]
        rows = [self._row(workspace) for workspace in workspaces]
        lines = [headings, *rows]
        self._widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
        for line in lines if self._headings else rows:
            self._echo(line)
        self._remember(workspaces, rows)

    def print_changed(self, workspaces: Sequence[Workspace]) -> None:
        """The rows that differ from when they were last printed, their age aside."""
        for workspace in workspaces:
            row = self._row(workspace)
            if self._shown.get(_key(workspace)) != self._without_age(row):
                self._echo(row)
                self._remember([workspace], [row])

    def _remember(self, workspaces: Sequence[Workspace], rows: Sequence[list[str]]) -> None:
        for workspace, row in zip(workspaces, rows, strict=True):
            self._shown[_key(workspace)] = self._without_age(row)

    def _without_age(self, row: list[str]) -> list[str]:
        first = 2 if self._namespaces else 1
        ages = {first + place for place, column in enumerate(self._columns) if column["name"].lower() == "age"}
        return [cell for place, cell in enumerate(row) if place not in ages]

    def _row(self, workspace: Workspace) -> list[str]:
        from llmwright.api.document import to_mapping

        data = to_mapping(workspace)
        first = ([workspace.namespace] if self._namespaces else []) + [workspace.name]
        last = [progress_cell(workspace.status)] if self._wide else []
        return [*first, *(_cell(data, column["jsonPath"]) for column in self._columns), *last]

    def _echo(self, line: Sequence[str]) -> None:
        click.echo(GAP.join(cell.ljust(width) for cell, width in zip(line, self._widths, strict=True)).rstrip())


def dump_workspaces(workspaces: Sequence[Workspace], output: str, *, single: bool) -> None:
    """As kubectl prints objects: the one that was named by itself, else a List."""
    from llmwright.api.document import to_mapping

    items = [to_mapping(workspace) for workspace in workspaces]
    dump(items[0] if single else {"apiVersion": "v1", "kind": "List", "items": items}, output)


def _key(workspace: Workspace) -> tuple[str, str]:
    return workspace.namespace, workspace.name


def _cell(data: dict[str, Any], path: str) -> str:
    condition = CONDITION.fullmatch(path)
    if condition:
        conditions = (data.get("status") or {}).get("conditions") or ()
        return next((str(each["status"]) for each in conditions if each["type"] == condition[1]), "")
    value: Any = data
    for part in path.strip(".").split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if path == ".metadata.creationTimestamp":
        return _age_since(value)
    return "" if value is None else str(value)


def _age_since(timestamp: str | None) -> str:
    if not timestamp:
        return "<unknown>"
    return age((datetime.now(UTC) - datetime.fromisoformat(timestamp)).total_seconds())
