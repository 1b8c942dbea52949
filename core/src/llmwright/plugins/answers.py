"""The answers of a driver's methods, checked where they return: before anything is planned, applied or bought."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from llmwright.errors import Problem
from llmwright.plugins.launch_faults import type_faults
from llmwright.values.fit import MemoryTerm
from llmwright.values.instance_type import InstanceType
from llmwright.values.launch import Launch, Process
from llmwright.values.nodes import (
    Failed,
    Finding,
    NodeRequest,
    Orphan,
    Placement,
    ProvisionerAction,
    ProvisionerDecision,
    Ready,
    Waiting,
    Watch,
)
from llmwright.values.plan import Choice

STATE_LIMIT = 4096

Check = Callable[[Any], Any]


def checked(kind: str, method: str, answer: Any) -> Any:
    """Return what the core goes on with: ``answer``, as a tuple where the interface promises an iterable.

    Raises:
        TypeError, ValueError: it is not what the interface promises, in words.
    """
    check = CHECKS.get((kind, method)) or CHECKS.get(("", method))
    return answer if check is None else check(answer)


def _one(*types: type | None) -> Check:
    wanted = tuple(type(None) if each is None else each for each in types)

    def check(answer: Any) -> Any:
        if not isinstance(answer, wanted):
            raise TypeError(f"returned {_shown(answer)}, no {_named(types)}")
        return answer

    return check


def _many(item: type) -> Check:
    def check(answer: Any) -> Any:
        if isinstance(answer, str | bytes | Mapping) or not isinstance(answer, Iterable):
            raise TypeError(f"returned {_shown(answer)}, no {item.__name__} values")
        items = tuple(answer)
        for each in items:
            if not isinstance(each, item):
                raise TypeError(f"returned {_shown(each)} among {item.__name__} values")
        return items

    return check


def _launch(answer: Any) -> Any:
    _one(Launch)(answer)
    faults = type_faults(answer)
    if faults:
        raise ValueError(f"returned a Launch in which {'; '.join(faults[:5])}")
    return answer


def _decision(answer: Any) -> Any:
    _one(ProvisionerDecision)(answer)
    _one(Ready, Waiting, Failed)(answer.outcome)
    _many(ProvisionerAction)(answer.actions)
    if not isinstance(answer.state, Mapping) or len(json.dumps(dict(answer.state)).encode()) > STATE_LIMIT:
        raise ValueError(f"its state is no JSON object of at most {STATE_LIMIT} bytes")
    return answer


def _findings(answer: Any) -> Any:
    findings = _many(Finding)(answer)
    for each in findings:
        if each.state not in ("ok", "problem", "unchecked") or not (each.about and each.message):
            raise ValueError(f"returned {_shown(each)}: a finding has a subject, a message, and a state that is known")
    return findings


def _names(answer: Any) -> Any:
    names = _many(str)(answer)
    if not names or not all(names):
        raise ValueError(f"returned {_shown(names)}: a served model has a name")
    return names


def _learned(answer: Any) -> Any:
    _one(None, Mapping)(answer)
    json.dumps(dict(answer or {}))
    return answer


def _shown(answer: Any) -> str:
    text = repr(answer)
    return text if len(text) <= 80 else f"{text[:79]}…"


def _named(types: tuple[type | None, ...]) -> str:
    return " or ".join("None" if each is None else each.__name__ for each in types)


CHECKS: Mapping[tuple[str, str], Check] = {
    ("", "asks_remote_code"): _many(str),
    ("", "program"): _one(str),
    ("", "watches"): _many(Watch),
    ("", "launch"): _launch,
    ("provisioner", "instance_types"): _many(InstanceType),
    ("provisioner", "settled"): _one(NodeRequest),
    ("provisioner", "examine"): _findings,
    ("provisioner", "decide"): _decision,
    ("provisioner", "act"): _learned,
    ("provisioner", "placement"): _one(Placement),
    ("provisioner", "orphans"): _many(Orphan),
    ("runtime", "engine"): _one(None, Choice),
    ("runtime", "refuses"): _one(None, str),
    ("runtime", "served_names"): _names,
    ("runtime", "objects"): _many(Mapping),
    ("runtime", "status"): _one(None, Ready, Waiting, Failed),
    ("tuner", "check"): _many(Problem),
    ("tuner", "memory"): _many(MemoryTerm),
    ("tuner", "inspect"): _one(None, Process),
    ("tuner", "sample"): _one(None, Process),
}
"""By kind of driver (empty for all) and method. Methods whose answer is the driver's own affair are not here."""
