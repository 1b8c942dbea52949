"""Deleting ends whatever is missing: the provisioner's plugin, Karpenter's own kinds, or a cloud's good will."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.support.harness import Karpenter, install_karpenter_crds
from tests.cluster.support.installed import PROVISIONERS, with_path, without, write_plugin
from tests.cluster.support.operating import BUYING
from tests.cluster.support.workspaces import CLAIMS, POOLS, Workspaces, stray_claim
from tests.support.waiting import wait_until

from llmwright.testing.cluster import Cluster, OperatorProcess
from llmwright.testing.cluster.operator_process import running

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("off_shift")]


def operating(plane: Cluster, folder: Path, **settings: Any) -> OperatorProcess:
    """One that is not started yet."""
    folder.mkdir(parents=True, exist_ok=True)
    return OperatorProcess(plane.write_kubeconfig(folder / "kubeconfig"), folder, {**BUYING, **settings})


def names(plane: Cluster) -> set[str]:
    """All NodeClaims."""
    return {one["metadata"]["name"] for one in plane.get(CLAIMS)}


def leaves(unattended: Workspaces, operator: OperatorProcess, name: str, *words: str) -> None:
    """Deleting ends; event and log name what was left behind, with all these words."""
    plane = unattended.plane
    plane.kubectl("delete", "workspace", name, "--timeout=60s")
    wait_until(unattended.gone(name), "nothing of it is left", timeout_s=60.0)
    wait_until(lambda: unattended.events(name, reason="NotReleased"), "it is said what was left")
    (event,) = unattended.events(name, reason="NotReleased")
    (line,) = (str(line["message"]) for line in operator.lines() if "NotReleased" in str(line))
    for word in words:
        assert word in event["message"]
        assert word in line


def test_without_its_plugin_a_workspace_goes_and_names_its_nodes(unattended: Workspaces, tmp_path: Path) -> None:
    """Blocked by a setting, and then not installed at all; settings that still speak of it are a mistake."""
    plane, both = unattended.plane, ("blocked", "uninstalled")
    with running(operating(plane, tmp_path / "before")):
        unattended.apply(*map(unattended.inference, both))
        for name in both:
            unattended.until(name, "Ready")
    nodes = {name: unattended.get(name)["status"]["workerNodes"][0] for name in both}
    claims = [one["metadata"]["name"] for one in plane.get(CLAIMS, f"-lkaito.sh/workspace in ({','.join(both)})")]
    with running(operating(plane, tmp_path / "blocked", blockedPlugins=["provisioner:karpenter"])) as operator:
        leaves(unattended, operator, "blocked", nodes["blocked"], "provisioner 'karpenter'", "is blocked by")
    site = without("llmwright_provisioner_karpenter", tmp_path / "site")
    forgotten = operating(plane, tmp_path / "forgotten")
    forgotten.python, forgotten.environ = site
    forgotten.start(wait=False)
    assert forgotten.process is not None
    assert forgotten.process.wait(60) == 2
    assert "plugins.provisioner.karpenter: no provisioner of that name is installed" in forgotten.log.read_text()
    unknown = operating(plane, tmp_path / "unknown", plugins={}, runtime="vlm", images={"wrokload": "r/i:1"})
    unknown.python, unknown.environ = site
    unknown.start(wait=False)
    assert unknown.process is not None
    assert unknown.process.wait(60) == 2
    said = unknown.log.read_text()
    assert "provisioner: no provisioner 'karpenter' is installed" in said
    assert "runtime: no runtime 'vlm' is installed (did you mean 'vllm'?" in said
    assert "images.wrokload: no installed driver has an image of that role (did you mean 'workload'?" in said
    bare = operating(plane, tmp_path / "uninstalled", plugins={}, provisioner="byo")
    bare.python, bare.environ = site
    with running(bare) as operator:
        leaves(unattended, operator, "uninstalled", nodes["uninstalled"], "no provisioner 'karpenter'", "installed: ")
    plane.kubectl("delete", "nodeclaim", "--timeout=60s", *claims)


CLOUD = """
from llmwright.plugins.drivers import Provisioner
from llmwright.values.nodes import Failed, Node, ProvisionerDecision, Ready


class Refusing(Provisioner):
    targets = frozenset({"kubernetes"})

    def observe(self, request, snapshot):
        return None

    def decide(self, request, observed, now):
        if request.count:
            return ProvisionerDecision(outcome=Ready((Node(name="refused-node"),)))
        return ProvisionerDecision(outcome=Failed("auth", "the cloud wants another signature"))

    def act(self, action):
        raise AssertionError(action)
"""
BROKEN = "import libcloud_of_yesterday\n"


def test_what_a_cloud_does_not_take_back_is_named(unattended: Workspaces, tmp_path: Path) -> None:
    """And a Workspace whose plugin cannot be imported fails alone, and goes all the same."""
    plane, plugins = unattended.plane, tmp_path / "plugins"
    write_plugin(plugins, "refusing", CLOUD, PROVISIONERS, "refusing = refusing:Refusing")
    write_plugin(plugins, "broken", BROKEN, PROVISIONERS, "broken = broken:Broken")
    operator = operating(plane, tmp_path / "operator")
    operator.environ = with_path(plugins)
    unattended.node("refused-node", "refused")
    with running(operator):
        broken = unattended.inference("broken", provisioner="broken")
        unattended.apply(broken, unattended.inference("refused", provisioner="refusing"))
        unattended.until("refused", "Ready")
        unattended.until("broken", "Stalled", reason="PluginDependencyMissing")
        message = unattended.told("broken", "Stalled")["message"]
        assert "ModuleNotFoundError: No module named 'libcloud_of_yesterday'" in message
        assert "broken 1.0" in message
        leaves(unattended, operator, "refused", "refused-node", "the cloud wants another signature")
        plane.kubectl("delete", "workspace", "broken", "--timeout=30s")
        unattended.clear()


def test_a_sweep_gives_back_what_we_made_and_nothing_else(plane: Cluster, tmp_path: Path) -> None:
    plane.apply(stray_claim("swept"), manager="llmwright")
    plane.apply(stray_claim("of-another"), manager="another")
    with running(operating(plane, tmp_path, orphans={"interval": 1, "delete": True})) as operator:
        wait_until(lambda: "swept" not in names(plane), "the orphan is given back", timeout_s=60.0)
        none = 'llmwright_orphans{provisioner="karpenter"} 0.0'
        wait_until(lambda: none in operator.answers(operator.metrics, "/metrics"), "no orphan is left")
    assert "of-another" in names(plane)
    assert any("no Workspace needs nodeclaim/swept any more" in str(line) for line in operator.lines())
    plane.kubectl("delete", "nodeclaim", "of-another", "--timeout=60s")


@pytest.fixture
def vanishing(karpenter: Karpenter, plane: Cluster) -> Iterator[None]:
    """Karpenter's kinds may be deleted, and come back afterwards."""
    yield
    install_karpenter_crds(plane)
    karpenter.restart()


@pytest.mark.usefixtures("vanishing")
def test_without_karpenters_kinds_a_workspace_goes(unattended: Workspaces, tmp_path: Path) -> None:
    plane = unattended.plane
    with running(operating(plane, tmp_path)):
        unattended.apply(unattended.inference("kindless"))
        unattended.until("kindless", "Ready")
        plane.kubectl("delete", "crd", CLAIMS, POOLS, "--timeout=120s")
        unattended.until("kindless", "ResourceReady", "False")
        plane.kubectl("delete", "workspace", "kindless", "--timeout=60s")
        wait_until(unattended.gone("kindless"), "nothing of it is left", timeout_s=60.0)
