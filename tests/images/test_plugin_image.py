"""A stranger's provisioner in the operator's image, by the example's own three lines, chosen by one line of YAML."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.images.support.image_builds import ENGINE, call, image_of
from tests.support.documents import ROOT

pytestmark = pytest.mark.slow

PLUGIN = ROOT / "examples/plugins/provisioner_desk"
NAME = "localhost/acme/operator:1"


def test_three_lines_bring_a_provisioner_that_a_workspace_names(tmp_path: Path) -> None:
    lines = [line for line in (PLUGIN / "Containerfile").read_text().splitlines() if line]
    assert len(lines) == 3
    assert lines[0] == f"FROM {image_of('operator', tmp_path)}"
    shutil.copy(PLUGIN / "Containerfile", tmp_path)
    wheel = ["-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), str(PLUGIN)]
    subprocess.run([sys.executable, *wheel], check=True)
    call("buildah", "build", "--isolation", "chroot", "--pull-never", "-q", "-t", NAME, str(tmp_path))
    script = f"id -u; llmwright plugins list --check | grep desk; cat > /tmp/w.yaml <<'END'\n{demo()}END\n"
    said = ENGINE.ask(NAME, ("sh", "-c", f"{script}llmwright plan -f /tmp/w.yaml --target kubernetes"))
    assert said.startswith("65532\n")
    assert "acme-desk" in said
    assert "1. 1 x desk-a10, by desk" in said


def demo() -> str:
    text = (PLUGIN / "demo.yaml").read_text()
    assert [line.strip() for line in text.splitlines() if "desk" in line and "provisioner" in line] == [
        "provisioner: desk"
    ]
    return text
