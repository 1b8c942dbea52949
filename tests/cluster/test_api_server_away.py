"""An API server that dies under a command which watches, or under the operator: both say so, wait, and go on."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from tests.cluster.support.api_server_away import bring_api_server_back, kill_api_server
from tests.cluster.support.operating import SETTINGS
from tests.support.waiting import wait_until

from llmwright.testing.cluster import Cluster, OperatorProcess
from llmwright.testing.cluster.operator_process import running

pytestmark = pytest.mark.cluster

WORKSPACE = {
    "apiVersion": "kaito.sh/v1beta1",
    "kind": "Workspace",
    "resource": {"labelSelector": {"matchLabels": {"apps": "away"}}},
    "inference": {"preset": {"name": "phi-4"}},
}


@pytest.fixture(scope="module")
def own(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster of these tests' own: that of the others must not go away."""
    plane = Cluster.start(assets, tmp_path_factory.mktemp("away") / "own")
    plane.install()
    yield plane
    plane.stop()


def workspace(name: str) -> dict[str, object]:
    return {**WORKSPACE, "metadata": {"name": name, "namespace": "default"}}


def gather(pipe: IO[str], lines: list[str]) -> None:
    """Keep each line as it comes: whoever looks sees it at once."""
    while line := pipe.readline():
        lines.append(line)


def test_a_watch_that_has_begun_waits_and_goes_on(
    own: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    own.apply(workspace("before"))
    command = [sys.executable, "-m", "llmwright", "--kubeconfig", str(own.kubeconfig), "get", "-w"]
    rows, said = list[str](), list[str]()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as watching:
        readers = [
            threading.Thread(target=gather, args=(watching.stdout, rows)),
            threading.Thread(target=gather, args=(watching.stderr, said)),
        ]
        for reader in readers:
            reader.start()
        wait_until(lambda: any(row.startswith("before") for row in rows), "the watch has begun")
        kill_api_server(own)
        wait_until(lambda: said, "it says that it waits")
        assert watching.poll() is None
        bring_api_server_back(own)
        own.apply(workspace("after"))
        wait_until(lambda: any(row.startswith("after") for row in rows), "it goes on")
        watching.terminate()
        for reader in readers:
            reader.join()
    assert said[:2] == [
        f"the API server {own.url} does not answer; waiting for it\n",
        f"the API server {own.url} answers again\n",
    ]
    assert "Traceback" not in "".join(said)
    assert sum(row.startswith("before") for row in rows) == 1, "what has not changed is not printed again"


def test_an_operator_at_work_waits_and_goes_on(own: Cluster, tmp_path: Path) -> None:
    own.apply(workspace("seen"))
    with running(OperatorProcess(own.write_kubeconfig(tmp_path / "kubeconfig"), tmp_path, SETTINGS)) as operator:
        own.until("seen", "ResourceReady", "False")
        kill_api_server(own)
        wait_until(lambda: "does not answer, and is waited for" in operator.log.read_text(), "it says that it waits")
        bring_api_server_back(own)
        own.apply(workspace("asked-after"))
        own.until("asked-after", "ResourceReady", "False")
        wait_until(lambda: "answers again after" in operator.log.read_text(), "it says that it goes on")
        assert operator.runs
        own.kubectl("delete", "workspaces", "--all", "--timeout=60s")
