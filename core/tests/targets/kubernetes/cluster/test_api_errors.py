"""What an API server's refusal means."""

from __future__ import annotations

import json

from llmwright.targets.kubernetes.cluster.api_errors import INVALID, refusal

UNKNOWN = "failed to create typed patch object (a/b; batch/v1, Kind=Job): .spec.x: field not declared in schema"


def test_an_applied_field_that_no_schema_has_is_an_invalid_object() -> None:
    body = json.dumps({"message": UNKNOWN, "reason": "InternalError"}).encode()
    error = refusal("PATCH /apis/batch/v1/jobs/b", 500, body, {})
    assert error.code == INVALID
    assert UNKNOWN in error.message
    assert refusal("PATCH /", 500, b"{}", {}).code == 500
