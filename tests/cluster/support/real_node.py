"""A cluster with one real node: containers run, and pull their images from a registry that wants a password.

The fixture ``real_node`` is of the session. It is skipped, with the reason, where this machine lacks what a node needs.
Nothing is left of it afterwards, also where the tests are killed (``node_keeper``).
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.support.node_keeper import ADDRESS, NEEDED, NODE
from tests.cluster.support.node_registry import NodeRegistry
from tests.cluster.support.static_image import linked, static_image
from tests.support import programs
from tests.support.waiting import wait_until

from llmwright.testing.cluster import Cluster

Object = dict[str, Any]

FOLDER = Path("/var/tmp/llmwright-node")
"""Short, because it holds a socket. Only root can be here."""
PROGRAMS = ("kubelet", "kube-proxy", "kube-controller-manager", "kube-scheduler", "coredns", "pause", "helm", "oras")
COREFILE = """\
.:53 {{
  bind {address}
  errors
  kubernetes cluster.local {{
    kubeconfig {kubeconfig}
  }}
}}
"""
BUSYBOX, CURL = Path("/bin/busybox"), Path("/usr/bin/curl")
TOOLS = ("sh", "wget", "cat", "sleep", "dd", "ls")


@dataclass
class RealNode:
    """The cluster, its node's folder, and the registry that the node pulls from."""

    plane: Cluster
    registry: NodeRegistry
    ending: ExitStack

    name = NODE

    def stop(self) -> None:
        """End the node with all that runs on it, then the registry and the cluster."""
        self.ending.close()

    def label(self, labels: Mapping[str, str]) -> None:
        """Set labels of the node."""
        self.plane.kubectl("label", "node", NODE, "--overwrite", *map("=".join, labels.items()))

    def pull_secret(self, namespace: str, name: str = "registry", password: str = NodeRegistry.PASSWORD) -> None:
        """Make the Secret by which pods of ``namespace`` pull from the registry, and push to it."""
        logins = json.dumps(self.registry.logins(password))
        data = {".dockerconfigjson": base64.b64encode(logins.encode()).decode()}
        about = {"name": name, "namespace": namespace}
        kind = {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson"}
        self.plane.apply({**kind, "metadata": about, "data": data})

    def push_busybox(self, name: str) -> str:
        """Bring an image with a shell into the registry; return its whole name."""
        return self.registry.push(static_image("tools:1", BUSYBOX, TOOLS), name)

    def import_busybox(self, name: str = "localhost/busybox:1") -> str:
        """Bring an image with a shell onto the node; return its name."""
        return self._import(name, static_image(name, BUSYBOX, TOOLS))

    def import_curl(self, name: str = "localhost/curl:1") -> str:
        """Bring this machine's ``curl`` onto the node as an image; return its name."""
        return self._import(name, static_image(name, CURL, libraries=linked(CURL)))

    def _import(self, name: str, image: bytes) -> str:
        command = ["ctr", "-a", f"{FOLDER}/containerd.sock", "-n", "k8s.io", "images", "import", "-"]
        subprocess.run(command, input=image, check=True, capture_output=True)
        return name


@pytest.fixture(scope="session")
def real_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealNode]:
    """The node, with DNS for Services and a registry beside it."""
    assets = _assets()
    node = start_node(assets, tmp_path_factory.mktemp("real-node"))
    yield node
    node.stop()


def _assets() -> Path:
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("a real node needs Linux and root")
    missing = [tool for tool in (*NEEDED, "docker-registry") if shutil.which(tool) is None]
    missing += [] if Path("/usr/lib/cni/bridge").exists() else ["containernetworking-plugins"]
    missing += [] if BUSYBOX.exists() else ["busybox-static"]
    missing += [] if CURL.exists() else ["curl"]
    if missing:
        pytest.skip(f"a real node needs {', '.join(missing)}: `make node-programs` installs them")
    assets = programs.assets(*PROGRAMS)
    lacking = [program for program in PROGRAMS if not (assets / program).exists()]
    if lacking:
        pytest.skip(f"{assets} lacks {', '.join(lacking)}")
    return assets


def start_node(assets: Path, folder: Path) -> RealNode:
    """Start cluster, registry, DNS and node; ``folder`` gets logs, keys and the registry's store."""
    with ExitStack() as ending:
        keeper = _start_keeper(assets, folder, ending)
        plane = Cluster.start(assets, folder / "control-plane", ADDRESS)
        ending.callback(plane.stop)
        registry = NodeRegistry(plane.folder, folder, ADDRESS)
        ending.callback(registry.close)
        registry.trust_in(FOLDER / "registries")
        ending.callback(_end, keeper)
        assert keeper.stdin is not None
        keeper.stdin.write(f"{plane.folder}\n")
        keeper.stdin.flush()
        _expect(keeper, "ready", folder)
        _start_dns(plane)
        return RealNode(plane, registry, ending.pop_all())


def _start_keeper(assets: Path, folder: Path, ending: ExitStack) -> subprocess.Popen[str]:
    log = ending.enter_context((folder / "keeper.log").open("w"))
    keeper = subprocess.Popen(
        [sys.executable, "-m", "tests.cluster.support.node_keeper", str(assets), str(FOLDER)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True,
    )  # fmt: skip
    ending.callback(_end, keeper)
    _expect(keeper, "network", folder)
    return keeper


def _end(keeper: subprocess.Popen[str]) -> None:
    """Have the node taken down; nothing happens where it is."""
    for pipe in (keeper.stdin, keeper.stdout):
        if pipe is not None:
            pipe.close()
    keeper.wait(300)


def _expect(keeper: subprocess.Popen[str], word: str, folder: Path) -> None:
    assert keeper.stdout is not None
    said = keeper.stdout.readline().strip()
    assert said == word, f"the node did not come up: {(folder / 'keeper.log').read_text()[-2000:]}"


def _start_dns(plane: Cluster) -> None:
    corefile = plane.folder / "Corefile"
    corefile.write_text(COREFILE.format(address=ADDRESS, kubeconfig=plane.kubeconfig))
    plane.programs.start("coredns", f"-conf={corefile}")
    log = plane.programs.running["coredns"].log
    wait_until(lambda: "CoreDNS-" in log.read_text(), f"DNS answers: see {log}")
