"""``llmwright bench`` of a served model."""

from __future__ import annotations

import json

from tests.e2e.support.quickstart import QuickstartRun

FEW = ("--concurrency", "2", "--requests", "3", "--input-tokens", "60", "--output-tokens", "8")


def test_the_tuned_model_by_the_name_of_its_workspace(quickstart: QuickstartRun, served: str) -> None:
    result = json.loads(quickstart.sandbox.ok("bench", "quickstart", *FEW, "-o", "json"))
    assert (result["endpoint"], result["model"], result["complete"]) == (served, "quickstart", True)
    (level,) = result["levels"]
    assert (level["succeeded"], level["failed"], level["counted"]) == (3, 0, "usage")
    assert (level["outputTokens"]["low"], level["outputTokens"]["high"]) == (8, 8)
    assert abs(level["inputTokens"]["mean"] - 60) <= 3
    assert 0 < level["ttftMs"]["p50"] <= level["latencyMs"]["high"]
    assert not any("takes no" in note or "max_tokens" in note for note in result["notes"])


def test_a_server_with_adapters_by_its_url(quickstart: QuickstartRun, served: str) -> None:
    refused = quickstart.sandbox.run("bench", served, *FEW)
    assert (refused.code, refused.out) == (2, "")
    assert "name one with --model: demo, quickstart" in refused.err
    printed = quickstart.sandbox.ok(
        "bench", f"{served}/v1", "--model", "demo", *FEW, "--no-stream", "--api", "completions"
    )
    assert printed.startswith(f"demo at {served}")
    assert "whole answers of at most 8 tokens (completions, seed 0)" in printed
