"""A model with weights that are quantised while they load: bitsandbytes' 4 and 8 bits, on the processor too."""

from __future__ import annotations

import pytest
import yaml
from tests.e2e.support.sandbox import Sandbox
from tests.e2e.support.served_model import request

pytestmark = pytest.mark.slow
OPTION = "  runtime: hf\n  runtimeConfig: {{quantization: {}}}\n"


def quantisation_of(endpoint: str) -> str:
    """Return what the server says of itself, once it has answered."""
    answer = request(endpoint, "/chat", {"prompt": "hello", "max_tokens": 4}).json()
    assert answer["response"]
    return request(endpoint, "/metrics").text.partition('quantization="')[2].partition('"')[0]


def test_the_workspace_says_how_its_weights_are_quantised(sandbox: Sandbox) -> None:
    for kind in ("nf4", "int8"):
        workspace = sandbox.serve(more=OPTION.format(kind))
        assert f"; {kind}" in sandbox.ok("plan", "-f", workspace)
        sandbox.ok("apply", "-f", workspace)
        assert quantisation_of(sandbox.ready()) == kind


def test_a_preset_says_how_its_weights_are_quantised(sandbox: Sandbox) -> None:
    """In a directory of the user's own. What the Workspace writes goes before."""
    pack = yaml.safe_load(sandbox.ok("presets", "show", "demo", "-o", "yaml"))
    (sandbox.work / "presets").mkdir()
    own = {**pack["models"][0], "name": "small", "runtimeConfig": {"hf": {"quantization": "nf4"}}}
    sandbox.write(yaml.safe_dump({**pack, "models": [own]}), "presets/small.yaml")
    sandbox.write("presetDirectories: [presets]\n", "llmwright.yaml")
    assert "hf with quantization: nf4" in sandbox.ok("presets", "show", "small")
    file = sandbox.serve()
    text = file.read_text().replace("name: demo}", "name: small}")
    for more, kind in (("", "nf4"), ("  runtimeConfig: {quantization: none}\n", "none")):
        file.write_text(text + more)
        planned = sandbox.ok("plan", "-f", file)
        assert ("; nf4" in planned) is (kind == "nf4")
        sandbox.ok("apply", "-f", file)
        assert quantisation_of(sandbox.ready()) == kind


def test_what_bitsandbytes_is_not_asked_for_is_refused(sandbox: Sandbox) -> None:
    refused = sandbox.run("check", "-f", sandbox.serve(more=OPTION.format("fp4")))
    assert refused.code == 2
    assert "inference.runtimeConfig.quantization" in refused.output
    assert "'none', 'nf4' or 'int8'" in refused.output
