"""AdmissionReviews of ``admission.k8s.io/v1``: read, and answered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llmwright.api.crd import GROUP

if TYPE_CHECKING:
    from llmwright.errors import Problem
    from llmwright.targets.kubernetes.admission.validation import Verdict

Object = Mapping[str, Any]

API_VERSION = "admission.k8s.io/v1"
UNPROCESSABLE = 422


class BadReview(Exception):
    """What came is no review of a Workspace; caught where it is answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What the API server asks about: ``new`` is to take the place of ``old``, which is None for a new one."""

    uid: str
    operation: str
    subresource: str
    new: Object
    old: Object | None

    def __str__(self) -> str:
        metadata = self.new.get("metadata")
        found = metadata if isinstance(metadata, Mapping) else {}
        return f"{self.operation} {found.get('namespace', '')}/{found.get('name', '')}"


def read_review(body: bytes) -> Review:
    """The review in ``body``.

    Raises:
        BadReview: it holds none, or one of something else than a Workspace; says why in one line.
    """
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise BadReview("the body is no JSON") from None
    if not isinstance(data, Mapping) or data.get("kind") != "AdmissionReview" or data.get("apiVersion") != API_VERSION:
        raise BadReview(f"the body is no AdmissionReview of {API_VERSION}")
    request = _mapping(data, "request")
    kind = _mapping(request, "kind")
    if (kind.get("group"), kind.get("kind")) != (GROUP, "Workspace"):
        raise BadReview("only Workspaces are judged here")
    uid = request.get("uid")
    if not isinstance(uid, str) or not uid:
        raise BadReview("request.uid is missing")
    old = _mapping(request, "oldObject") if request.get("oldObject") is not None else None
    return Review(
        uid=uid,
        operation=str(request.get("operation", "")),
        subresource=str(request.get("subResource") or ""),
        new=_mapping(request, "object") if request.get("object") is not None else {},
        old=old,
    )


def _mapping(data: Object, name: str) -> Object:
    found = data.get(name)
    if not isinstance(found, Mapping):
        raise BadReview(f"{name} is no mapping")
    return found


def answer(review: Review, verdict: Verdict) -> Object:
    """The AdmissionReview that answers ``review``."""
    response: dict[str, Any] = {"uid": review.uid, "allowed": not verdict.errors}
    if verdict.warnings:
        response["warnings"] = [_line(problem) for problem in verdict.warnings]
    if verdict.errors:
        response["status"] = _status(review, verdict.errors)
    return {"apiVersion": API_VERSION, "kind": "AdmissionReview", "response": response}


def _status(review: Review, errors: tuple[Problem, ...]) -> Object:
    """A refusal as the API server itself writes one, so that kubectl shows each problem on a line of its own."""
    metadata = review.new.get("metadata")
    name = metadata.get("name", "") if isinstance(metadata, Mapping) else ""
    causes = [{"reason": one.reason, "field": one.path, "message": _message(one)} for one in errors]
    return {
        "status": "Failure",
        "code": UNPROCESSABLE,
        "reason": "Invalid",
        "message": "; ".join(map(_line, errors)),
        "details": {"group": GROUP, "kind": "Workspace", "name": str(name), "causes": causes},
    }


def _message(problem: Problem) -> str:
    hint = f" ({problem.hint})" if problem.hint else ""
    return " ".join(f"{problem.message}{hint} [{problem.reason}]".split())


def _line(problem: Problem) -> str:
    """One line: the API server passes on no warning with a line break in it."""
    message = _message(problem)
    return f"{problem.path}: {message}" if problem.path else message
