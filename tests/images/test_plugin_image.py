"""A stranger's provisioner in the operator's image, by the example's own three lines, chosen by one line of YAML."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.images.support.image_builds import ENGINE, PLUGIN, plugin_image

pytestmark = pytest.mark.slow


def test_three_lines_bring_a_provisioner_that_a_workspace_names(tmp_path: Path) -> None:
    image = plugin_image(tmp_path)
    script = f"id -u; llmwright plugins list --check | grep desk; cat > /tmp/w.yaml <<'END'\n{demo()}END\n"
    said = ENGINE.ask(image, ("sh", "-c", f"{script}llmwright plan -f /tmp/w.yaml --target kubernetes"))
    assert said.startswith("65532\n")
    assert "acme-desk" in said
    assert "1. 1 x desk-a10, by desk" in said


def demo() -> str:
    text = (PLUGIN / "demo.yaml").read_text()
    assert [line.strip() for line in text.splitlines() if "desk" in line and "provisioner" in line] == [
        "provisioner: desk"
    ]
    return text
