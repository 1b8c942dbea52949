"""AdmissionReviews of ``admission.k8s.io/v1``: the request is read, the response is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llmwright.api.crd import GROUP
from llmwright.errors import first_problems
from llmwright.reading.files import Unreadable
from llmwright.reading.json_reader import read_json

if TYPE_CHECKING:
    from llmwright.errors import Problem

Object = Mapping[str, Any]

API_VERSION = "admission.k8s.io/v1"
UNPROCESSABLE = 422
MOST_BYTES = 4 * 1024**2
"""An object in etcd has at most 1.5 MiB, and an update carries two."""


class InvalidReview(Exception):
    """The body is no AdmissionReview of a Workspace. The webhook catches it and answers with its text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionRequest:
    """The API server's question: may ``new`` replace ``old``? ``old`` is None when the object is created."""

    uid: str
    operation: str
    subresource: str
    new: Object
    old: Object | None

    def __str__(self) -> str:
        metadata = metadata_of(self.new)
        return f"{self.operation} {metadata.get('namespace', '')}/{metadata.get('name', '')}"


def read_request(body: bytes) -> AdmissionRequest:
    """Return the request in ``body``.

    Raises:
        InvalidReview: there is none, or it is not about a Workspace; the message is one line.
    """
    try:
        data = read_json(body, MOST_BYTES)
    except Unreadable as error:
        raise InvalidReview(f"the body {error}") from None
    if not isinstance(data, Mapping) or data.get("kind") != "AdmissionReview" or data.get("apiVersion") != API_VERSION:
        raise InvalidReview(f"the body is no AdmissionReview of {API_VERSION}")
    request = _mapping(data, "request")
    kind = _mapping(request, "kind")
    if (kind.get("group"), kind.get("kind")) != (GROUP, "Workspace"):
        raise InvalidReview("only Workspaces are checked here")
    uid = request.get("uid")
    if not isinstance(uid, str) or not uid:
        raise InvalidReview("request.uid is missing")
    return AdmissionRequest(
        uid=uid,
        operation=str(request.get("operation", "")),
        subresource=str(request.get("subResource") or ""),
        new=_mapping(request, "object") if request.get("object") is not None else {},
        old=_mapping(request, "oldObject") if request.get("oldObject") is not None else None,
    )


def review_response(request: AdmissionRequest, errors: Sequence[Problem], warnings: Sequence[Problem]) -> Object:
    """Return the AdmissionReview that answers ``request``: refused if there is any error."""
    response: dict[str, Any] = {"uid": request.uid, "allowed": not errors}
    if warnings:
        response["warnings"] = [_line(problem) for problem in first_problems(warnings)]
    if errors:
        response["status"] = _status(request, errors)
    return {"apiVersion": API_VERSION, "kind": "AdmissionReview", "response": response}


def metadata_of(workspace: Object) -> Object:
    """Return the metadata of an object that was not validated; empty where it is no mapping."""
    metadata = workspace.get("metadata")
    return metadata if isinstance(metadata, Mapping) else {}


def _mapping(data: Object, name: str) -> Object:
    value = data.get(name)
    if not isinstance(value, Mapping):
        raise InvalidReview(f"{name} is no mapping")
    return value


def _status(request: AdmissionRequest, errors: Sequence[Problem]) -> Object:
    """Return a refusal in the API server's own form, so that kubectl prints each problem on a line of its own."""
    causes = [
        {"reason": error.reason, "field": error.path, "message": _message(error)} for error in first_problems(errors)
    ]
    name = str(metadata_of(request.new).get("name", ""))
    return {
        "status": "Failure",
        "code": UNPROCESSABLE,
        "reason": "Invalid",
        "message": "; ".join(map(_line, errors)),
        "details": {"group": GROUP, "kind": "Workspace", "name": name, "causes": causes},
    }


def _message(problem: Problem) -> str:
    hint = f" ({problem.hint})" if problem.hint else ""
    return " ".join(f"{problem.message}{hint} [{problem.reason}]".split())


def _line(problem: Problem) -> str:
    """Return one line: the API server drops a warning that contains a line break."""
    message = _message(problem)
    return f"{problem.path}: {message}" if problem.path else message
