"""AdmissionReviews: which are read, and how they are answered."""

from __future__ import annotations

import json

import pytest
from core.tests.targets.kubernetes.support.reviews import review

from llmwright.errors import Problem
from llmwright.targets.kubernetes.admission.admission_review import InvalidReview, read_request, review_response

REFUSAL = Problem("resource.count", "too\nmany", "take fewer", reason="LimitExceeded")
WARNING = Problem("", "still here", severity="warning", reason="Odd")


def test_a_refusal_names_reason_path_and_hint() -> None:
    response = review_response(read_request(review()), [REFUSAL], [WARNING])["response"]
    assert (response["uid"], response["allowed"]) == ("u-1", False)
    assert response["warnings"] == ["still here [Odd]"]
    assert response["status"]["code"] == 422
    assert response["status"]["message"] == "resource.count: too many (take fewer) [LimitExceeded]"
    (cause,) = response["status"]["details"]["causes"]
    assert (cause["field"], cause["reason"]) == ("resource.count", "LimitExceeded")


def test_warnings_alone_refuse_nothing() -> None:
    response = review_response(read_request(review()), [], [WARNING])["response"]
    assert response == {"uid": "u-1", "allowed": True, "warnings": ["still here [Odd]"]}


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"no json",
        b"[" * 100_000,
        b"[]",
        b"{}",
        review().replace(b"admission.k8s.io/v1", b"admission.k8s.io/v0"),
        review().replace(b'"kaito.sh"', b'"apps"'),
        review().replace(b'"u-1"', b"1"),
        review(kind=None),
        review(oldObject=[]),
        review(object="text"),
        json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}).encode(),
    ],
)
def test_another_body_is_refused_in_one_line(text: bytes) -> None:
    with pytest.raises(InvalidReview) as error:
        read_request(text)
    assert len(str(error.value).splitlines()) == 1
