"""What kubectl shows of a Workspace: columns, explanations, events, in both versions."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.cluster.support.workspaces import INSTANCE_TYPE, Workspaces
from tests.support.waiting import wait_until

from llmwright.testing.cluster import Cluster

pytestmark = pytest.mark.cluster

VERSIONS = ("v1alpha1", "v1beta1")
COMMON = ["NAME", "INSTANCE", "RESOURCEREADY", "INFERENCEREADY", "WORKSPACEREADY", "AGE"]
WIDE = {
    "v1alpha1": ["JOBSTARTED", "WORKSPACESUCCEEDED", "STATE"],
    "v1beta1": ["JOBSTARTED", "WORKSPACESUCCEEDED", "TARGETNODECOUNT", "STATE"],
}
PARTS = ("workspace", "workspace.resource", "workspace.inference", "workspace.tuning", "workspace.status")


def test_columns_tell_how_a_workspace_stands(workspaces: Workspaces, tmp_path: Path) -> None:
    plane = workspaces.plane
    workspaces.node("looked-at-node", "looked-at")
    workspaces.apply(workspaces.tuning("looked-at"))
    workspaces.until("looked-at", "InferenceReady")
    values = {"JOBSTARTED": "True", "WORKSPACESUCCEEDED": "True", "TARGETNODECOUNT": "1", "STATE": "Succeeded"}
    for version in VERSIONS:
        kind = f"workspaces.{version}.kaito.sh"
        heading, row = (line.split() for line in plane.kubectl("get", kind, "looked-at").splitlines())
        assert heading == COMMON
        assert row[:5] == ["looked-at", INSTANCE_TYPE, "True", "True", "True"]
        heading, row = (line.split() for line in plane.kubectl("get", kind, "looked-at", "-owide").splitlines())
        assert heading == COMMON + WIDE[version]
        assert row[6:] == [values[name] for name in WIDE[version]]
        for arguments in ((kind, "looked-at"), (kind, "-A", "--show-managed-fields")):
            assert checked(plane.kubectl("get", *arguments, "-oyaml"), tmp_path).endswith("valid\n")


def checked(text: str, folder: Path) -> str:
    """What ``llmwright check`` prints of what ``kubectl get -o yaml`` has printed."""
    command = [sys.executable, "-m", "llmwright", "check", "--target", "kubernetes", "-f", "-"]
    (folder / "llmwright.yaml").write_text("provisioner: byo\n")
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_describing_one_shows_its_events(workspaces: Workspaces) -> None:
    workspaces.apply(workspaces.inference("described", provisioner="nowhere"))
    workspaces.until("described", "Stalled", reason="PluginNotFound")
    text = workspaces.plane.kubectl("describe", "workspace", "described")
    assert "no provisioner 'nowhere'" in text.partition("Status:")[2]
    workspaces.node("described-node", "ready")
    workspaces.apply(workspaces.inference("ready"))
    workspaces.until("ready", "Ready")
    wait_until(lambda: "Inference has been deployed" in events_of(workspaces, "ready"), "the event is shown")


def events_of(workspaces: Workspaces, name: str) -> str:
    """The last part of what ``kubectl describe`` prints."""
    return workspaces.plane.kubectl("describe", "workspace", name).partition("\nEvents:")[2]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("part", PARTS)
def test_every_field_explains_itself(plane: Cluster, part: str, version: str, tmp_path: Path) -> None:
    def explained() -> str:
        # The API server lists a new kind a moment after it serves it, and kubectl keeps for hours what was listed.
        with TemporaryDirectory(dir=tmp_path) as cache:
            command = ("explain", part, f"--api-version=kaito.sh/{version}", f"--cache-dir={cache}")
            text = plane.kubectl(*command, check=False)
        return text if "FIELDS:" in text else ""

    text = wait_until(explained, f"{part} of {version} is explained")
    about, _, fields = text.partition("\nFIELDS:\n")
    assert about.partition("DESCRIPTION:")[2].strip() not in ("", "<empty>")
    paragraphs = [each.splitlines() for each in fields.strip("\n").split("\n\n") if each.strip()]
    assert len(paragraphs) > 3
    for name, *words in paragraphs:
        described = [word.strip() for word in words if not word.strip().startswith(("enum:", "default:"))]
        assert any(described), name
        assert "<no description>" not in described, name


def test_an_unknown_field_is_named(workspaces: Workspaces) -> None:
    wrong = workspaces.inference("misspelt")
    wrong["inference"]["preset"]["nmae"] = "demo"
    with pytest.raises(AssertionError, match=r'unknown field "inference\.preset\.nmae"'):
        workspaces.plane.kubectl("apply", "--dry-run=server", "-f", "-", stdin=json.dumps(wrong))
