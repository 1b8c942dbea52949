"""The operator as a container, with a stranger's provisioner that came both ways, against the real API server."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml
from tests.chart.support.helm import Helm
from tests.cluster.support.operating import SETTINGS
from tests.cluster.support.workspaces import Workspaces
from tests.images.support.containers import container
from tests.images.support.image_builds import PLUGIN, image_of, plugin_image, plugin_wheel
from tests.support import programs
from tests.support.desk import open_desk
from tests.support.waiting import wait_until

from llmwright.testing.cluster import Cluster, OperatorProcess
from llmwright.testing.cluster.operator_process import running

pytestmark = [pytest.mark.slow, pytest.mark.cluster, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def assets() -> Path:
    """The folder of Kubernetes' programs."""
    return programs.assets("kube-controller-manager", "kube-scheduler", "kwok", "helm")


@pytest.fixture(scope="module")
def plane(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with the CRD and the operator's account."""
    started = Cluster.start(assets, tmp_path_factory.mktemp("cluster") / "control-plane")
    started.start_kwok()
    started.install()
    yield started
    started.stop()


@pytest.fixture
def open_folder(tmp_path: Path) -> Path:
    """A folder that the image's user may read."""
    folder = tmp_path / "open"
    folder.mkdir(mode=0o755)
    return folder


def test_a_provisioner_in_the_image_rents_what_one_line_asks_for(plane: Cluster, open_folder: Path) -> None:
    image = plugin_image(open_folder.parent)
    rents_and_returns(plane, open_folder, image, {}, {})


def test_a_provisioner_that_the_chart_installs_by_its_hash_does_too(
    plane: Cluster, open_folder: Path, assets: Path
) -> None:
    image, plugins = image_of("operator", open_folder.parent), open_folder / "plugins"
    install_as_the_chart(Helm(assets / "helm", open_folder.parent), image, open_folder.parent, plugins)
    rents_and_returns(plane, open_folder, image, {plugins: "/plugins"}, {"PYTHONPATH": "/plugins"})


def rents_and_returns(
    plane: Cluster, folder: Path, image: str, mounts: dict[Path, str], environ: dict[str, str]
) -> None:
    """Serve the example's Workspace with the operator of that image, and see its machine come and go."""
    authority = plane.folder / "ca.crt"
    python = container(image, "python3", {folder: str(folder), authority: f"{authority}:ro", **mounts}, environ)
    workspaces, wanted = Workspaces(plane), yaml.safe_load((PLUGIN / "demo.yaml").read_text())
    assert wanted["resource"]["provisioner"] == "desk" != SETTINGS["provisioner"]
    with open_desk(boot_s=0.2) as (desk, url):
        settings = {**SETTINGS, "plugins": {"provisioner": {"desk": {"url": url}}}}
        kubeconfig = plane.write_kubeconfig(folder / "kubeconfig")
        with running(OperatorProcess(kubeconfig, folder, settings, python=python)) as operator:
            started = str(operator.lines()[0])
            assert "provisioner desk (acme-desk 1.0)" in started, started
            workspaces.apply(wanted)
            wait_until(lambda: any(each["state"] == "running" for each in desk.listed()), "a machine runs")
            (machine,) = desk.listed()
            workspaces.node(machine["name"], "nobody", labels=machine["labels"])
            workspaces.until("desk-demo", "Ready")
            assert workspaces.get("desk-demo")["status"]["workerNodes"] == [machine["name"]]
            plane.kubectl("delete", "workspace", "desk-demo", "--timeout=60s")
            wait_until(lambda: not desk.listed(), "the machine is returned")
            plane.remove_node(machine["name"])
            assert operator.stop() == 0


def install_as_the_chart(helm: Helm, image: str, folder: Path, plugins: Path) -> None:
    """Run the chart's init container, with the example's wheel in an index of its own."""
    place = folder / "index/acme-desk"
    place.mkdir(parents=True)
    wheel = plugin_wheel(place)
    (place / "index.html").write_text(f'<a href="{wheel.name}">{wheel.name}</a>')
    handler = partial(SimpleHTTPRequestHandler, directory=str(place.parent))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    digest = f"sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}"
    values: dict[str, Any] = {
        "plugins": [{"name": "acme-desk", "version": "1.0", "hashes": [digest]}],
        "pluginIndex": {"url": f"http://127.0.0.1:{server.server_port}"},
    }
    settings = folder / "settings"
    settings.mkdir(mode=0o755)
    (settings / "plugins.txt").write_text(helm.one("ConfigMap", "llmwright-operator", values)["data"]["plugins.txt"])
    (init,) = helm.one("Deployment", "llmwright-operator", values)["spec"]["template"]["spec"]["initContainers"]
    plugins.mkdir()
    plugins.chmod(0o777)
    environ = {each["name"]: each["value"] for each in init["env"]}
    program, *words = init["command"]
    run = container(image, program, {settings: "/etc/llmwright:ro", plugins: "/plugins"}, environ)
    done = subprocess.run([*run, *words, *init["args"]], capture_output=True, text=True, check=False)
    server.shutdown()
    server.server_close()
    assert done.returncode == 0, done.stdout + done.stderr
