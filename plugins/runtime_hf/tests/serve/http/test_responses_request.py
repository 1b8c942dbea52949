"""The fields of ``/v1/responses`` stand in ``docs/requests.md``."""

from __future__ import annotations

from pathlib import Path

from llmwright_runtime_hf.serve.http.responses_request import HARMLESS, NO_EFFECT, ResponsesRequest

DOCUMENT = Path(__file__).parents[5] / "docs" / "requests.md"


def test_the_document_has_each_field() -> None:
    section = DOCUMENT.read_text().partition("## `/v1/responses`")[2].partition("\n## ")[0]
    rows = {line.split("`")[1]: line for line in section.splitlines() if line.startswith("| `")}

    assert rows.keys() == {*ResponsesRequest.model_fields, *NO_EFFECT, *HARMLESS}
    assert {name for name, row in rows.items() if "no effect" in row} == NO_EFFECT
    assert {name for name, row in rows.items() if "refused but for" in row} == HARMLESS.keys()
