"""A user, a password and a signature in the URL of a data set are shown by no verb."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.command import Run

PASSWORD, SIGNATURE = "s3cr3t-word", "s3cr3t-sig"
URL = f"https://s3cr3t-user:{PASSWORD}@files.example/train.jsonl?download=true&sig={SIGNATURE}"
WORKSPACE = f"""apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {{name: mine}}
resource:
  instanceType: Standard_NC24ads_A100_v4
  labelSelector: {{matchLabels: {{apps: mine}}}}
tuning:
  preset: {{name: phi-4-mini-instruct}}
  method: qlora
  input: {{urls: ["{URL}"]}}
  output: {{image: registry.example/a:1, imagePushSecret: push}}
"""
LOCAL = WORKSPACE.replace("phi-4-mini-instruct", "demo").replace("  instanceType: Standard_NC24ads_A100_v4\n", "")

Write = Callable[..., Path]


@pytest.mark.parametrize("target", ["local", "kubernetes"])
@pytest.mark.parametrize("verb", [("plan",), ("plan", "-o", "json"), ("render",), ("render", "-o", "json"), ("check",)])
def test_no_verb_shows_them(run: Run, written: Write, target: str, verb: tuple[str, ...]) -> None:
    file = written(LOCAL if target == "local" else WORKSPACE)
    ran = run(*verb, "-f", file, "--target", target)
    assert ran.code == 0, ran.err
    for secret in ("s3cr3t-user", PASSWORD, SIGNATURE):
        assert secret not in ran.out + ran.err
    if "render" in verb:
        assert "https://***@files.example/train.jsonl?download=true&sig=***" in ran.out
