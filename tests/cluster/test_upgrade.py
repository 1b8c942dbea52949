"""Fifty Workspaces serve, and another operator with other settings comes: nothing restarts before it is asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.cluster.support.operating import SETTINGS, Shift
from tests.cluster.support.workspaces import Workspaces
from tests.support.waiting import wait_until

from llmwright.testing.cluster import Cluster

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

Object = dict[str, Any]

ALL = [f"fleet-{number}" for number in range(50)]
OWN, ENGINES = ALL[:10], ALL[10:]
"""Those that bring a container of their own, and those that vLLM serves."""
MOVED = ENGINES[0]
WORKSPACES = "/apis/kaito.sh/v1beta1/namespaces/default/workspaces"
KINDS = ("/apis/apps/v1/namespaces/default/statefulsets", "/apis/batch/v1/namespaces/default/jobs",
         "/api/v1/namespaces/default/pods")  # fmt: skip
OTHERS = {
    **SETTINGS,
    "runtime": "vllm",
    "readinessTimeout": 99,
    "images": {"vllm": "mirror.example/vllm:2"},
    "pods": {"metadata": {"labels": {"team": "search"}}},
}


@pytest.fixture(scope="module")
def fleet(plane: Cluster, shift: Shift) -> Iterator[Workspaces]:
    """Fifty that serve, by an operator with the defaults."""
    shift.on(SETTINGS, {})
    found = Workspaces(plane)
    found.node("fleet-node", "fleet", gpus=60)
    selector = {"matchLabels": {"ws": "fleet"}}
    wanted = [found.inference(name, labelSelector=selector) for name in ALL]
    for each in wanted[: len(OWN)]:
        container = {"name": "own", "image": "registry.example/own:1"}
        each["inference"] = {"template": {"spec": {"containers": [container]}}}
    found.apply(*wanted)
    wait_until(lambda: told(plane, "Ready") == set(ALL), "all serve", timeout_s=120.0)
    yield found
    shift.on(SETTINGS, {})
    found.clear()


def told(plane: Cluster, kind: str) -> set[str]:
    """The names of those of which this condition is true."""
    found = plane.fetch(WORKSPACES) or {"items": []}
    conditions = {
        one["metadata"]["name"]: each
        for one in found["items"]
        for each in (one.get("status") or {}).get("conditions") or []
        if each["type"] == kind
    }
    return {name for name, each in conditions.items() if each["status"] == "True" and name in ALL}


def standing(plane: Cluster) -> dict[tuple[str, str], tuple[str, str]]:
    """What runs: uid and version of each StatefulSet, Job and pod."""
    found = {}
    for path in KINDS:
        for one in (plane.fetch(path) or {"items": []})["items"]:
            about = one["metadata"]
            if "kaito.sh/workspace" in (about.get("labels") or {}):
                found[path.rpartition("/")[2], about["name"]] = about["uid"], about["resourceVersion"]
    return found


def moved(plane: Cluster, before: dict[tuple[str, str], tuple[str, str]]) -> set[str]:
    """The names of what is not as it was."""
    now = standing(plane)
    return {name for kind, name in {*now, *before} if now.get((kind, name)) != before.get((kind, name))}


def command(plane: Cluster, *arguments: str) -> str:
    """What ``llmwright rollout ARGUMENTS`` prints; it ends well."""
    environ = {**os.environ, "KUBECONFIG": str(plane.kubeconfig), "LLMWRIGHT_TARGET": "kubernetes"}
    done = subprocess.run(
        [sys.executable, "-m", "llmwright", "rollout", *arguments], capture_output=True, text=True, env=environ
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def image(plane: Cluster, name: str) -> str:
    """The image of a server's pod."""
    pod = plane.fetch(f"/api/v1/namespaces/default/pods/{name}-0")
    return str(pod["spec"]["containers"][0]["image"]) if pod else ""


def test_an_operator_with_other_settings_restarts_none_of_fifty(
    fleet: Workspaces, plane: Cluster, shift: Shift
) -> None:
    before = standing(plane)
    assert len(before) == 100
    shift.on(OTHERS, {})
    # Nothing is changed in the template of a user.
    wait_until(lambda: told(plane, "UpdateAvailable") == set(ENGINES), "each says so that is rendered otherwise")
    assert told(plane, "Ready") == set(ALL)
    assert moved(plane, before) == set()
    shift.on(SETTINGS, {})
    wait_until(lambda: told(plane, "UpdateAvailable") == set(), "nothing is said that is not so any more")
    assert moved(plane, before) == set()


def test_a_verb_of_rollout_moves_the_one_that_it_names(fleet: Workspaces, plane: Cluster, shift: Shift) -> None:
    before = standing(plane)
    first = image(plane, MOVED)
    shift.on(OTHERS, {})
    wait_until(lambda: told(plane, "UpdateAvailable") == set(ENGINES), "each says so")
    alone = {MOVED, f"{MOVED}-0"}

    def restarted(verb: Callable[[], str], says: str) -> None:
        pod = standing(plane)["pods", f"{MOVED}-0"][0]
        assert says in verb()
        wait_until(lambda: standing(plane).get(("pods", f"{MOVED}-0"), (pod, ""))[0] != pod, "its pod is another")
        wait_until(lambda: told(plane, "Ready") == set(ALL), "all serve")
        assert moved(plane, before) == alone

    assert "successfully rolled out" in command(plane, "status", MOVED)
    assert moved(plane, before) == set()
    restarted(lambda: command(plane, "restart", MOVED), "restarted")
    assert image(plane, MOVED) == first, "it runs by the same plan, and as it was rendered"
    assert MOVED in told(plane, "UpdateAvailable")
    restarted(lambda: command(plane, MOVED), "configured")
    assert image(plane, MOVED) == "mirror.example/vllm:2"
    assert told(plane, "UpdateAvailable") == {*ENGINES} - {MOVED}
    data = {"inference_config.yaml": "vllm: {max-num-seqs: 7}"}
    plane.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "engine", "namespace": "default"},
                 "data": data})  # fmt: skip
    patch = '{"inference": {"config": "engine"}}'
    restarted(lambda: plane.kubectl("patch", "workspace", MOVED, "--type=merge", "-p", patch), "patched")
    wait_until(lambda: len(command(plane, "history", MOVED).splitlines()) == 3, "there are two revisions")
    restarted(lambda: command(plane, "undo", MOVED), "rolled back")
    assert told(plane, "UpdateAvailable") == {*ENGINES} - {MOVED}
