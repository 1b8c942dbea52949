"""A tuning whose pod is killed goes on in the next pod from its last checkpoint, where a volume outlives the pod."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.e2e.support.sandbox import Sandbox
from tests.support.rendered_pod import RenderedPod, kill
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

EXAMPLES = Path(__file__).parents[2] / "examples"
WORKSPACE = """\
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {{name: mine}}
resource: {{instanceType: Standard_NC24ads_A100_v4, labelSelector: {{matchLabels: {{apps: mine}}}}}}
tuning:
  preset: {{name: demo}}
  method: lora
  methodConfig: {{training: {{max_steps: 120, checkpoint_seconds: 0.5}}}}
  input: {{volumeSource: {{hostPath: {{path: {data}}}}}}}
  output: {{image: "registry.example/mine:1", imagePushSecret: push}}
"""


def job_pod(folder: Path) -> dict[str, Any]:
    """The spec of the tuning Job's pod, whose results lie in the volume of the settings."""
    sandbox = Sandbox(folder / "sandbox")
    settings = {"checkpointVolume": {"hostPath": {"path": str(folder / "kept")}}, "hostPaths": [str(EXAMPLES)]}
    sandbox.write(yaml.safe_dump(settings), "llmwright.yaml")
    written = sandbox.write(WORKSPACE.format(data=EXAMPLES / "quickstart"))
    manifests = [*yaml.safe_load_all(sandbox.ok("render", "--target", "kubernetes", "-f", written))]
    (job,) = (one for one in manifests if one["kind"] == "Job" and one["metadata"]["name"] == "mine")
    spec: dict[str, Any] = job["spec"]["template"]["spec"]
    return spec


def events(folder: Path) -> list[dict[str, Any]]:
    """What the trainer has told so far."""
    (progress,) = folder.rglob("progress.jsonl")
    return [json.loads(line) for line in progress.read_text().splitlines()]


def test_the_next_pod_goes_on_from_the_last_checkpoint(tmp_path: Path) -> None:
    spec = job_pod(tmp_path)
    kept = tmp_path / "kept"
    kept.mkdir()
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    environ = {"PATH": path, "HF_HUB_OFFLINE": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    folders = [tmp_path / "pod-1", tmp_path / "pod-2"]
    for folder in folders:
        folder.mkdir()
    first = RenderedPod(spec, folders[0], {})
    process = first.step("mine", environ)

    def has_checkpoint() -> bool:
        assert process.poll() is None, first.log("mine")
        # One that is still written lies in a folder of its own, and counts for nothing.
        return any(".writing" not in path.parts for path in kept.rglob("checkpoint-*/complete.json"))

    try:
        wait_until(has_checkpoint, "a checkpoint is kept", 600)
    finally:
        kill(process)
    assert (kept / "default" / "mine").is_dir(), "each Workspace has its own folder"
    second = RenderedPod(spec, folders[1], {})
    process = second.step("mine", environ)
    try:
        assert process.wait(600) == 0, second.log("mine")
    finally:
        kill(process)
    (resumed,) = (one for one in events(kept) if one["event"] == "resumed")
    assert resumed["step"] > 0
