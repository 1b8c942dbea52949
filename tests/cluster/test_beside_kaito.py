"""An operator that meets no CRD, KAITO's, its webhook or its controller says so, is not ready, and changes nothing."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cluster.support import kaito
from tests.cluster.support.operating import SETTINGS
from tests.cluster.support.workspaces import Workspaces
from tests.support.waiting import wait_until

from llmwright.api.crd import crd
from llmwright.testing.cluster import Cluster, OperatorProcess

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("off_shift")]

Object = dict[str, Any]

CRD = "crd/workspaces.kaito.sh"
POLICY = Path(__file__).parents[2] / "deploy/beside-kaito.yaml"
SELECTED = {"namespaceSelector": {"matchLabels": {"llmwright.io/operator": "llmwright"}}}


@pytest.fixture
def whole(plane: Cluster) -> Iterator[Cluster]:
    """All that KAITO has left is taken away afterwards."""
    yield plane
    plane.kubectl("delete", "validatingwebhookconfiguration", "validation.workspace.kaito.sh", "--ignore-not-found")
    plane.kubectl("delete", "pod", "kaito-workspace-0", "--ignore-not-found", "--force")
    plane.kubectl("delete", "--ignore-not-found", "-f", str(POLICY))
    plane.kubectl("label", "namespace", "default", "llmwright.io/operator-")
    plane.kubectl("delete", "clusterrolebinding", "kaito", "--ignore-not-found")
    plane.kubectl("delete", "namespace", "others", "--ignore-not-found", "--wait=false")
    plane.apply(crd())
    plane.kubectl("wait", "--for=condition=Established", CRD, "--timeout=60s")
    plane.restart_manager()


def operating(plane: Cluster, folder: Path, **settings: Any) -> OperatorProcess:
    """One that is started, and may not be ready."""
    process = OperatorProcess(plane.write_kubeconfig(folder / "kubeconfig"), folder, {**SETTINGS, **settings})
    process.start(wait=False)
    return process


def why_not_ready(operator: OperatorProcess) -> str:
    """What ``/readyz`` answers; ``ok`` where it is ready."""
    assert operator.runs, operator.log.read_text()[-2000:]
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{operator.health}/readyz", timeout=5) as answer:
            return str(answer.read().decode().strip())
    except urllib.error.HTTPError as error:
        return str(error.read().decode().strip()) if error.code == 503 else f"{error.code}"
    except OSError:
        return ""


def waits(operator: OperatorProcess, words: str) -> None:
    """It is not ready for that reason, and one line of its log says so."""
    wait_until(lambda: words in why_not_ready(operator), f"not ready: {words}; {operator.log}")
    (line,) = (line for line in operator.lines() if words in str(line["message"]))
    assert line["level"] == "error"
    assert str(line["message"]).startswith("no Workspace is carried out: ")


def goes_on(operator: OperatorProcess) -> None:
    wait_until(lambda: why_not_ready(operator) == "ok", f"it goes on by itself: {operator.log}")


@pytest.mark.slow
def test_without_the_crd_and_with_another_it_waits_and_goes_on(whole: Cluster, tmp_path: Path) -> None:
    whole.kubectl("delete", CRD, "--timeout=60s")
    operator = operating(whole, tmp_path)
    waits(operator, "the cluster does not serve workspaces.kaito.sh/v1beta1")
    whole.apply(kaito.kaitos_crd())
    waits(operator, "is KAITO's or of an older version: it lacks v1alpha1.")
    whole.apply(kaito.webhook())
    whole.kubectl("replace", "-f", "-", stdin=json.dumps({**crd(), **_version_of(whole)}))
    waits(operator, "KAITO's webhook validation.workspace.kaito.sh judges the Workspaces of namespace")
    whole.apply(kaito.controller())
    whole.kubectl("delete", "validatingwebhookconfiguration", "validation.workspace.kaito.sh")
    waits(operator, "KAITO's own controller runs (pod default/kaito-workspace-0)")
    whole.kubectl("delete", "pod", "kaito-workspace-0", "--force")
    goes_on(operator)
    operator.end()


@pytest.mark.slow
def test_an_operator_ends_where_kaito_s_controller_comes_later(whole: Cluster, tmp_path: Path) -> None:
    """It looks once a minute, and ends at the second look."""
    operator = operating(whole, tmp_path)
    goes_on(operator)
    whole.apply(kaito.controller())
    wait_until(lambda: not operator.runs, f"it ends: {operator.log}", 180)
    (line,) = (str(line["message"]) for line in operator.lines() if line["level"] == "error")
    assert line.startswith("this operator ends, and its next start waits: KAITO's own controller runs")
    operator.start(wait=False)
    wait_until(lambda: "KAITO's own controller runs" in why_not_ready(operator), f"the next waits: {operator.log}")
    whole.kubectl("delete", "pod", "kaito-workspace-0", "--force")
    goes_on(operator)
    operator.end()


def test_side_by_side_each_has_its_namespaces(whole: Cluster, unattended: Workspaces, tmp_path: Path) -> None:
    """KAITO's controller cannot write in ours, its webhook is not asked there, and this operator leaves its alone."""
    whole.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "others"}})
    whole.apply(kaito.controller(), kaito.webhook())
    theirs = {**unattended.inference("theirs"), "metadata": {"name": "theirs", "namespace": "others"}}
    operator = operating(whole, tmp_path, **SELECTED)
    waits(operator, "no ValidatingAdmissionPolicyBinding llmwright-beside-kaito keeps it off")
    whole.kubectl("label", "namespace", "default", "llmwright.io/operator=llmwright")
    waits(operator, "judges the Workspaces of namespace default")
    whole.apply(*yaml.safe_load_all(POLICY.read_text()))
    elsewhere = {"matchExpressions": [{"key": "llmwright.io/operator", "operator": "DoesNotExist"}]}
    whole.apply(kaito.webhook(namespaceSelector=elsewhere, failurePolicy="Ignore"))
    goes_on(operator)
    unattended.node("ours-node", "ours")
    unattended.apply(unattended.inference("ours"))
    whole.apply(theirs)
    unattended.until("ours", "Ready")
    path = "/apis/kaito.sh/v1beta1/namespaces/others/workspaces/theirs"

    def is_carried_out() -> bool:
        return "conditions" in ((whole.fetch(path) or {}).get("status") or {})

    assert not is_carried_out()
    finalizer = ("patch", "workspace", "--type=merge", '-p={"metadata":{"annotations":{"kaito":"was here"}}}')
    binding = ("clusterrolebinding", "kaito", "--clusterrole=cluster-admin", f"--user={kaito.ACCOUNT}")
    whole.kubectl("create", *binding)
    as_kaito = f"--as={kaito.ACCOUNT}"

    def is_kept_off() -> bool:
        return "KAITO leaves this namespace to LLMwright" in whole.kubectl(*finalizer, "ours", as_kaito, check=False)

    wait_until(is_kept_off, "KAITO cannot write here")
    assert "patched" in whole.kubectl(*finalizer, "theirs", "-nothers", as_kaito)
    whole.kubectl("label", "namespace", "others", "llmwright.io/operator=llmwright")
    wait_until(is_carried_out, "its namespace is taken over")
    whole.kubectl("delete", "workspace", "theirs", "-nothers", "--timeout=60s")
    unattended.clear()
    operator.end()


def _version_of(plane: Cluster) -> Object:
    live = plane.get("crd", "--field-selector=metadata.name=workspaces.kaito.sh")[0]["metadata"]
    return {"metadata": {"name": live["name"], "resourceVersion": live["resourceVersion"]}}
