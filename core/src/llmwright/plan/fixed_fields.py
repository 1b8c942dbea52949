"""Fields that stay as they were when the first thing was done for a Workspace.

Admission refuses to change them. A change that came in anyway (no webhook, an older CRD, another default in the
settings) is not carried out: what was recorded goes on, and the change is named.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llmwright.api.instance_type_field import is_auto, listed_types
from llmwright.api.status import PlanRecord
from llmwright.api.workspace import LabelSelector, Workspace
from llmwright.check.update import NEW_ONE, as_labels
from llmwright.errors import InvalidWorkspace, LLMwrightError, Problem
from llmwright.plan.node_requests import node_request
from llmwright.plugins.driver_calls import driver_call
from llmwright.plugins.driver_set import DriverSet
from llmwright.plugins.drivers import Provisioner
from llmwright.plugins.selection import choose_provisioner
from llmwright.reading.yaml_paths import render_path, split_path
from llmwright.settings.model import Settings

if TYPE_CHECKING:
    from pydantic import BaseModel

NOTHING = ""
"""Stands for a field that is not written: a null in a status would be a key that is not there."""

COUNT, INSTANCE_TYPE, SELECTOR = "resource.count", "resource.instanceType", "resource.labelSelector"
PROVISIONER, OPTIONS = "resource.provisioner", "resource.provisionerConfig"
SERVED, TUNED = "inference.preset", "tuning.preset"
MOST_SHOWN = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class UnappliedChange:
    """A change of a fixed field: what is asked for at ``path``, and what goes on.

    ``by_settings``: nobody changed the Workspace; the settings have another default.
    """

    path: str
    asked: Any
    runs: Any
    by_settings: bool = False

    def __str__(self) -> str:
        who = "the settings say" if self.by_settings else "the Workspace says"
        return f"{self.path} stays {_shown(self.runs)}, {who} {_shown(self.asked)}"


@dataclass(frozen=True, slots=True)
class CarriedOut:
    """The Workspace as it is carried out, and the changes of it that are not."""

    workspace: Workspace
    unapplied: tuple[UnappliedChange, ...] = ()


def fixed_fields(workspace: Workspace, annotations: Iterable[str] = ()) -> dict[str, Any]:
    """Return the fixed fields as they are written, by YAML path; ``annotations`` are those that count as such."""
    resource, inference, tuning = workspace.resource, workspace.inference, workspace.tuning
    written: dict[str, Any] = {
        COUNT: resource.count,
        INSTANCE_TYPE: resource.instance_type,
        SELECTOR: _dumped(resource.label_selector),
        "resource.partition": _dumped(resource.partition),
        PROVISIONER: resource.provisioner,
        OPTIONS: resource.provisioner_config,
    }
    if inference is not None:
        written |= {SERVED: _dumped(inference.preset)}
    if tuning is not None:
        written |= {
            TUNED: _dumped(tuning.preset),
            "tuning.method": tuning.method.lower(),
            "tuning.methodConfig": tuning.method_config,
            "tuning.input.name": tuning.input.name if tuning.input else None,
        }
    given = workspace.metadata.annotations
    written |= {render_path(("metadata", "annotations", name)): given.get(name) for name in sorted(annotations)}
    return {path: NOTHING if value is None else _without_nulls(value) for path, value in written.items()}


def fixed_of(workspace: Workspace, provisioner: str, drivers: DriverSet) -> dict[str, Any]:
    """As ``fixed_fields``, with the annotations that the provisioner of that name declares."""
    driver = drivers.find_provisioner(provisioner)
    return fixed_fields(workspace, driver.fixed_annotations if driver is not None else ())


def carried_out(workspace: Workspace, record: PlanRecord, provisioner: Provisioner | None) -> CarriedOut:
    """Return ``workspace`` with its fixed fields as recorded, and what it asks for instead.

    Args:
        provisioner: the recorded one; None where it cannot be loaded, and then no key of its options may change.

    Raises:
        InvalidWorkspace: serving became tuning, or a preset a template, or the other way.
    """
    recorded = record.fixed
    if not recorded:
        # Recorded by a version that kept the provisioner alone.
        return _with_recorded_provisioner(workspace, record)
    written = fixed_fields(workspace, provisioner.fixed_annotations if provisioner is not None else ())
    if written == recorded:
        return CarriedOut(workspace)
    _refuse_another_purpose(workspace, recorded)
    kept: dict[str, Any] = {path: recorded.get(path, value) for path, value in written.items()}
    if provisioner is not None and provisioner.nodes_are_brought and not recorded.get(INSTANCE_TYPE):
        # KAITO lets a type be named later: it only says which of the user's nodes count.
        kept[INSTANCE_TYPE] = written[INSTANCE_TYPE]
    mutable = provisioner.mutable_options if provisioner is not None else frozenset[str]()
    if written[PROVISIONER] not in (NOTHING, record.provisioner):
        mutable = frozenset()  # What is written beside another provisioner is meant for that one.
    kept[OPTIONS] = {
        **{key: value for key, value in kept[OPTIONS].items() if key not in mutable},
        **{key: value for key, value in written[OPTIONS].items() if key in mutable},
    }
    unapplied = (*_edits(written, kept, record), *_option_edits(workspace, record, provisioner))
    return CarriedOut(_with_fields(workspace, written, kept), unapplied)


def settled_options(
    settled: Mapping[str, Any], written: Mapping[str, Any], record: PlanRecord, mutable: frozenset[str]
) -> tuple[dict[str, Any], tuple[UnappliedChange, ...]]:
    """Return the provisioner's options as recorded, and those that the settings of today give otherwise.

    Args:
        settled: the options that would hold for a new Workspace.
        written: the user's own.
        mutable: keys that may change.
    """
    held = {key: value for key, value in record.options.items() if key not in mutable}
    changed = tuple(
        UnappliedChange(path=f"{OPTIONS}.{key}", asked=settled[key], runs=runs, by_settings=True)
        for key, runs in held.items()
        if key not in written and key in settled and settled[key] != runs
    )
    return {**settled, **held}, changed


def changed_defaults(
    workspace: Workspace, settings: Settings, drivers: DriverSet, record: PlanRecord
) -> Iterator[UnappliedChange]:
    """Yield what the settings of today would choose otherwise where the Workspace leaves the choice to them."""
    resource, machine = workspace.resource, settings.instance_type
    if not resource.provisioner:
        with suppress(LLMwrightError):
            name = choose_provisioner(workspace, settings, "kubernetes", drivers).name
            if name != record.provisioner:
                yield UnappliedChange(path=PROVISIONER, asked=name, runs=record.provisioner, by_settings=True)
    names = () if not machine or is_auto(machine) else listed_types(machine)
    if names and not resource.instance_type and record.instance_type and record.instance_type not in names:
        yield UnappliedChange(path=INSTANCE_TYPE, asked=machine, runs=record.instance_type, by_settings=True)


def _with_recorded_provisioner(workspace: Workspace, record: PlanRecord) -> CarriedOut:
    asked, kept = {PROVISIONER: workspace.resource.provisioner or NOTHING}, {PROVISIONER: record.provisioner}
    edits = tuple(_edits(asked, kept, record))
    return CarriedOut(_with_fields(workspace, asked, kept) if edits else workspace, edits)


def _edits(written: Mapping[str, Any], kept: Mapping[str, Any], record: PlanRecord) -> Iterator[UnappliedChange]:
    """Yield the changes of whole fields. One that is no longer written is open, and the choice on record fills it."""
    chosen = {PROVISIONER: record.provisioner, INSTANCE_TYPE: record.instance_type}
    for path, asked in written.items():
        runs = chosen.get(path) or kept[path]
        open_ = path in (COUNT, PROVISIONER, INSTANCE_TYPE) and asked == NOTHING
        if path == OPTIONS or open_ or asked in (kept[path], runs):
            continue
        if path == SELECTOR and _labels(asked) == _labels(runs):
            continue
        yield UnappliedChange(path=path, asked=asked, runs=runs)


def _option_edits(
    workspace: Workspace, record: PlanRecord, provisioner: Provisioner | None
) -> Iterator[UnappliedChange]:
    """Yield the options that are written and do not hold. Two spellings of one value are the same."""
    written = workspace.resource.provisioner_config
    if not written or (workspace.resource.provisioner or record.provisioner) != record.provisioner:
        return
    meant: Mapping[str, Any] = written
    mutable = provisioner.mutable_options if provisioner is not None else frozenset[str]()
    if provisioner is not None:
        with suppress(LLMwrightError), driver_call("provisioner", record.provisioner, "settled"):
            meant = provisioner.settled(node_request(workspace, None, record.nodes)).config
    for key, value in written.items():
        asked, runs = _without_nulls(meant.get(key, value)), record.options.get(key, NOTHING)
        if key not in mutable and asked != runs:
            yield UnappliedChange(path=f"{OPTIONS}.{key}", asked=asked, runs=runs)


def _refuse_another_purpose(workspace: Workspace, recorded: Mapping[str, Any]) -> None:
    for name, path, part in (("inference", SERVED, workspace.inference), ("tuning", TUNED, workspace.tuning)):
        if (path in recorded) != (part is not None):
            raise InvalidWorkspace([Problem(name, "cannot be added or removed", NEW_ONE, reason="Immutable")])
    if SERVED in recorded and (recorded[SERVED] == NOTHING) != (workspace.template is not None):
        message = "cannot be added or removed"
        raise InvalidWorkspace([Problem("inference.template", message, NEW_ONE, reason="Immutable")])


def _with_fields(workspace: Workspace, written: Mapping[str, Any], kept: Mapping[str, Any]) -> Workspace:
    """Return ``workspace`` with the fields that are kept in place of those that are written."""
    data = workspace.model_dump(by_alias=True, exclude_unset=True, exclude={"status"})
    for path, value in kept.items():
        if value == written[path]:
            continue
        *parents, name = map(str, split_path(path))
        part = data
        for parent in parents:
            part = part.setdefault(parent, {})
        if value == NOTHING:
            part.pop(name, None)
        else:
            part[name] = value
    return Workspace.model_validate(data).model_copy(update={"status": workspace.status})


def _labels(selector: Any) -> dict[str, str] | None:
    return as_labels(LabelSelector.model_validate(selector) if selector != NOTHING else None)


def _dumped(part: BaseModel | None) -> dict[str, Any] | None:
    return part.model_dump(by_alias=True, exclude_defaults=True) if part is not None else None


def _without_nulls(value: Any) -> Any:
    """Return ``value`` without keys of null, which a merge patch could not write."""
    if isinstance(value, Mapping):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False) if value not in (NOTHING, {}) else "empty"
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"
