"""A plan is kept whatever operator comes after; what would be chosen today is told, and moved to when asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cluster.support.operating import SETTINGS, Shift
from tests.cluster.support.workspaces import Workspaces
from tests.support.waiting import wait_until

from llmwright.testing.cluster import Cluster

pytestmark = pytest.mark.cluster

Settings = dict[str, Any]

ROLLOUT = "llmwright.io/rollout"
MODEL = {
    "name": "acme-mini",
    "source": "hf://acme/mini",
    "license": "mit",
    "parameters": 3840000000,
    "weightBytes": "7.15Gi",
    "context": 131072,
    "kvBytesPerToken": 131072,
    "architecture": {
        "names": ["Phi3ForCausalLM"], "layers": 32, "hiddenSize": 3072, "intermediateSize": 8192, "attentionHeads": 24,
        "kvHeads": 8, "headDim": 128, "vocabSize": 200064,
    },
    "runtimes": ["vllm", "hf"],
    "tunable": True,
    "diskBytes": "87Gi",
}  # fmt: skip


def write_pack(folder: Path, **changes: Any) -> Path:
    """A pack with one model, whose facts a later edition may change."""
    folder.mkdir(exist_ok=True)
    family = {"kind": "PresetFamily", "family": "acme", "factSource": "made up", "models": [{**MODEL, **changes}]}
    (folder / "acme.yaml").write_text(yaml.safe_dump(family))
    return folder


@pytest.fixture
def served(plane: Cluster, shift: Shift, tmp_path: Path) -> Iterator[tuple[Workspaces, Settings, Path]]:
    """The Workspace ``kept``, which serves the pack's model; the settings and the pack that it was planned with."""
    pack = write_pack(tmp_path / "pack", flags={"vllm": {"max-num-seqs": 64}})
    settings = {**SETTINGS, "presetDirectories": [str(pack)]}
    shift.on(settings, {})
    found = Workspaces(plane)
    found.node("kept-node", "kept")
    wanted = found.inference("kept")
    wanted["inference"]["preset"]["name"] = MODEL["name"]
    found.apply(wanted)
    found.until("kept", "Ready")
    yield found, settings, pack
    found.clear()
    shift.off()


def server(workspaces: Workspaces) -> tuple[str, int, str]:
    """The server's uid and generation, and what its container runs."""
    found = workspaces.one("statefulset", "kept")
    assert found is not None
    container = found["spec"]["template"]["spec"]["containers"][0]
    return found["metadata"]["uid"], found["metadata"]["generation"], " ".join(container["command"])


def roll_out(workspaces: Workspaces, word: str) -> None:
    workspaces.plane.kubectl("annotate", "workspace", "kept", f"{ROLLOUT}={word}", "--overwrite")


def test_another_pack_moves_nothing_before_it_is_rolled_out(
    served: tuple[Workspaces, Settings, Path], shift: Shift
) -> None:
    workspaces, settings, pack = served
    before = server(workspaces)
    shift.off()
    write_pack(pack, flags={"vllm": {"max-num-seqs": 32}})
    shift.on(settings, {})
    workspaces.until("kept", "UpdateAvailable", reason="NewPlan")
    assert ROLLOUT in workspaces.told("kept", "UpdateAvailable")["message"]
    assert server(workspaces) == before
    assert workspaces.condition("kept", "Ready")[0] == "True"
    roll_out(workspaces, "one")
    wait_until(lambda: "--max-num-seqs=32" in server(workspaces)[2], "it runs as the new pack says")
    workspaces.until("kept", "UpdateAvailable", "")
    workspaces.until("kept", "Ready")
    assert server(workspaces)[:2] == (before[0], before[1] + 1)
    moved = workspaces.get("kept")["status"]["plan"]["inputs"]
    workspaces.plane.kubectl("annotate", "workspace", "kept", f"{ROLLOUT}-")
    shift.off()
    shift.on(settings, {})
    workspaces.until("kept", "Ready")
    assert workspaces.get("kept")["status"]["plan"]["inputs"] == moved
    assert server(workspaces)[:2] == (before[0], before[1] + 1)


def test_another_default_moves_nothing_before_it_is_rolled_out(
    served: tuple[Workspaces, Settings, Path], shift: Shift
) -> None:
    workspaces, settings, _ = served
    before = server(workspaces)
    assert workspaces.get("kept")["status"]["plan"]["runtime"] == "vllm"
    shift.on({**settings, "runtime": "hf"}, {})
    workspaces.until("kept", "UpdateAvailable", reason="NewPlan")
    assert server(workspaces) == before
    roll_out(workspaces, "one")
    wait_until(lambda: workspaces.get("kept")["status"]["plan"]["runtime"] == "hf", "it is planned anew")
    workspaces.until("kept", "UpdateAvailable", "")
    workspaces.until("kept", "Ready")
    assert server(workspaces)[1] == before[1] + 1


def test_another_image_moves_nothing_before_it_is_rolled_out(
    served: tuple[Workspaces, Settings, Path], shift: Shift
) -> None:
    workspaces, settings, _ = served
    before = server(workspaces)
    shift.on({**settings, "images": {**settings.get("images", {}), "vllm": "mirror.example/vllm:2"}}, {})
    workspaces.until("kept", "UpdateAvailable", reason="NewPlan")
    assert server(workspaces) == before
    roll_out(workspaces, "one")
    workspaces.until("kept", "UpdateAvailable", "")
    workspaces.until("kept", "Ready")
    assert server(workspaces)[:2] == (before[0], before[1] + 1)
    found = workspaces.one("statefulset", "kept")
    assert found is not None
    assert found["spec"]["template"]["spec"]["containers"][0]["image"] == "mirror.example/vllm:2"
