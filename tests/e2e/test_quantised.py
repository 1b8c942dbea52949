"""A Workspace with weights that are quantised while they load: bitsandbytes' 4 and 8 bits, on the processor too."""

from __future__ import annotations

import pytest
from tests.e2e.support.sandbox import Sandbox
from tests.e2e.support.served_model import request

pytestmark = pytest.mark.slow
OPTION = "  runtime: hf\n  runtimeConfig: {{quantization: {}}}\n"


def test_the_workspace_says_how_its_weights_are_quantised(sandbox: Sandbox) -> None:
    answers = {}
    for kind in ("nf4", "int8"):
        workspace = sandbox.serve(more=OPTION.format(kind))
        assert f"; {kind}" in sandbox.ok("plan", "-f", workspace)
        sandbox.ok("apply", "-f", workspace)
        endpoint = sandbox.ready()
        assert f'quantization="{kind}"' in request(endpoint, "/metrics").text
        answers[kind] = request(endpoint, "/chat", {"prompt": "hello", "max_tokens": 4}).json()["response"]
    assert all(answers.values())


def test_what_bitsandbytes_is_not_asked_for_is_refused(sandbox: Sandbox) -> None:
    refused = sandbox.run("check", "-f", sandbox.serve(more=OPTION.format("fp4")))
    assert refused.code == 2
    assert "inference.runtimeConfig.quantization" in refused.output
    assert "'none', 'nf4' or 'int8'" in refused.output
