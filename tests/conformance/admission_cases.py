"""Upstream's answers at admission, compared with those of the functions that the CLI uses."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conformance.case_environment import Environment
from tests.conformance.outcome import Outcome

from llmwright.api.document import Document, parse_workspace
from llmwright.api.versions import API_VERSIONS
from llmwright.api.workspace import Workspace
from llmwright.check import check_workspace
from llmwright.errors import InvalidWorkspace, Problem

SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "name": ("metadata.name",),
    "spec": ("",),
    "max-model-len": ("inference.config",),
    "inference_config.yaml": ("inference.config",),
    "config": ("inference.config", "tuning.config"),
    "inference.adapter": ("inference.adapters.strength", "inference.adapters"),
    "inference.adapters.urls": ("inference.adapters.source.urls", "inference.adapters.source"),
    "inference.adapters.image": ("inference.adapters.source.image", "inference.adapters.source"),
    "inference.adapters.volume": ("inference.adapters.source",),
    "inference.presetname": ("inference.preset.name",),
    "resource.presetname": ("inference.preset.name",),
    "resource.preset": ("inference.preset.name",),
    "resource.totalsafetensorfilesize": ("inference.preset.name",),
    "resource.labelselector": ("resource.labelselector.matchexpressions", "resource.labelselector.matchlabels"),
    "tuning.presetname": ("tuning.preset.name",),
    "tuning.input.urls": ("tuning.input",),
    "tuning.input.image": ("tuning.input",),
    "tuning.input.volume": ("tuning.input", "tuning.input.volumesource"),
    "tuning.output.volume": ("tuning.output", "tuning.output.volumesource"),
}
"""Upstream's names of fields, in lower case, to the YAML paths that mean the same. A name itself counts too."""


@dataclass(frozen=True, slots=True)
class Rule:
    """An intended difference: upstream accepts, and all our errors have one of ``reasons``.

    If ``lenient``, it is the reverse: upstream refuses, and we warn with one of ``reasons``.
    """

    name: str
    reasons: frozenset[str]
    lenient: bool = False


RULES = (
    Rule("unworkable-values", frozenset({"Unworkable", "TokenRequired"})),
    Rule("unsafe-addresses", frozenset({"BadUrl"})),
    Rule("placeholders", frozenset({"Placeholder"}), lenient=True),
    Rule("old-presets", frozenset({"RetiredPreset"}), lenient=True),
)
"""docs/kaito-differences.md gives the reason of each."""


def outcomes(cases: Path, fixtures: Path | None) -> Iterator[Outcome]:
    """Yield one outcome for each line of ``cases``."""
    environment = Environment(json.loads(fixtures.read_text()) if fixtures else {})
    for line in cases.read_text().splitlines():
        if line.strip():
            yield _outcome(json.loads(line), environment)


def _outcome(case: Mapping[str, Any], environment: Environment) -> Outcome:
    if case["kind"] != "Workspace" or case["object"].get("apiVersion") not in API_VERSIONS:
        return Outcome(case["id"], "skipped")
    problems = _problems(case, environment)
    errors = [problem for problem in problems if problem.severity == "error"]
    expected = {_folded(field) for field in case["error_field"]} - {""}
    got = {_folded(problem.path) for problem in errors}
    if _agrees(case, expected, errors, got):
        return Outcome(case["id"], "passed")
    rule = next((rule for rule in RULES if _excuses(rule, case, problems, errors)), None)
    shown = f"{case['expect']} {sorted(expected) or ''}".strip()
    actual = "; ".join(f"{problem} <{problem.reason}>" for problem in errors) or "valid"
    return Outcome(case["id"], "listed" if rule else "failed", shown, actual, rule.name if rule else "")


def _agrees(case: Mapping[str, Any], expected: set[str], errors: list[Problem], got: set[str]) -> bool:
    if case["expect"] == "valid" or not errors:
        return bool(case["expect"] == "valid") == (not errors)
    accepted = expected | {path for field in expected for path in SYNONYMS.get(field, ())}
    panicked = str(case["upstream_error"]).startswith("PANIC")
    return not expected or panicked or bool(accepted & got)


def _excuses(rule: Rule, case: Mapping[str, Any], problems: Iterable[Problem], errors: list[Problem]) -> bool:
    if rule.lenient:
        return (
            case["expect"] == "invalid" and not errors and any(problem.reason in rule.reasons for problem in problems)
        )
    return case["expect"] == "valid" and bool(errors) and all(error.reason in rule.reasons for error in errors)


def _folded(path: str) -> str:
    """Return a path in lower case, without a leading ``spec.``, list indexes and quotes."""
    path = path.lower().removeprefix("spec.").replace('"', "")
    return re.sub(r"\[\d+\]", "", path)


def _problems(case: Mapping[str, Any], environment: Environment) -> tuple[Problem, ...]:
    try:
        workspace = _workspace(case["object"])
        old = _workspace(case["old_object"]) if case["old_object"] else None
    except InvalidWorkspace as refused:
        return refused.problems
    return check_workspace(environment.inputs(case["env"], workspace, old))


def _workspace(data: Mapping[str, Any]) -> Workspace:
    return parse_workspace(Document(data))
