"""``llmwright render --target kubernetes``: what the operator would apply."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from tests.support.command import Run

SERVE = """\
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {name: phi}
resource: {instanceType: Standard_NV36ads_A10_v5, labelSelector: {matchLabels: {apps: x}}}
inference: {preset: {name: phi-4-mini-instruct}}
"""
TUNE = """\
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {name: tuned}
resource: {instanceType: Standard_NC24ads_A100_v4, labelSelector: {matchLabels: {apps: x}}}
tuning:
  preset: {name: phi-4}
  method: qlora
  input: {urls: ["https://data.example.com/rows.parquet"]}
  output: {image: "registry.example.com/a:1", imagePushSecret: push}
"""
TEMPLATE = """\
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {name: own}
resource: {count: 2, provisioner: byo, labelSelector: {matchLabels: {apps: x}}}
inference: {template: {spec: {containers: [{name: c, image: "i:1"}]}}}
"""


def kinds(run: Run, path: Path, *options: str) -> list[tuple[str, str]]:
    ran = run("render", "-f", path, "--target", "kubernetes", *options)
    assert ran.code == 0, ran.err
    return [(one["kind"], one["metadata"]["name"]) for one in yaml.safe_load_all(ran.out)]


def test_serving_is_nodes_services_and_a_statefulset(run: Run, written: Callable[..., Path]) -> None:
    nodes, *rest = kinds(run, written(SERVE))
    assert nodes[0] == "NodeClaim"
    assert rest == [("Service", "phi"), ("Service", "phi-headless"), ("StatefulSet", "phi")]


def test_tuning_is_checked_before_and_served_after(run: Run, written: Callable[..., Path]) -> None:
    _, *rest = kinds(run, written(TUNE))
    assert rest[:2] == [("Job", "tuned-preflight"), ("Job", "tuned")]
    assert ("StatefulSet", "tuned") in rest


def test_a_template_on_nodes_that_are_there(run: Run, written: Callable[..., Path]) -> None:
    assert kinds(run, written(TEMPLATE)) == [("Service", "own"), ("Service", "own-headless"), ("StatefulSet", "own")]


def test_several_workspaces_in_json_are_one_list(run: Run, written: Callable[..., Path]) -> None:
    path = written(f"{SERVE}---\n{TEMPLATE}")
    ran = run("render", "-f", path, "--target", "kubernetes", "-o", "json")
    found = json.loads(ran.out)
    assert (found["apiVersion"], found["kind"]) == ("v1", "List")
    assert len(found["items"]) == 7


def test_weights_lie_on_the_nodes_own_disk_where_a_class_gives_it_out(run: Run, written: Callable[..., Path]) -> None:
    fast = written(SERVE.replace("Standard_NV36ads_A10_v5", "Standard_NC24ads_A100_v4"))
    settings = written("diskClass: kaito-local-nvme-disk", "settings.yaml")

    def claims(*options: str | Path) -> list[dict[str, Any]]:
        ran = run(*options, "render", "-f", fast, "--target", "kubernetes")
        assert ran.code == 0, ran.err
        server = next(one for one in yaml.safe_load_all(ran.out) if one["kind"] == "StatefulSet")
        return list(server["spec"].get("volumeClaimTemplates", []))

    assert claims() == []
    (claim,) = claims("--settings", settings)
    assert claim["spec"]["storageClassName"] == "kaito-local-nvme-disk"


def test_a_range_is_rendered_and_planned_with_its_cost(run: Run, written: Callable[..., Path]) -> None:
    scaling = "autoscaling: {minReplicas: 1, maxReplicas: 4}"
    ranged = SERVE.replace(
        "{preset: {name: phi-4-mini-instruct}}", f"{{preset: {{name: phi-4-mini-instruct}}, {scaling}}}"
    )
    path = written(ranged)
    assert ("HorizontalPodAutoscaler", "phi") in kinds(run, path)
    shown = run("plan", "-f", path, "--target", "kubernetes")
    assert "1 to 4 nodes of Standard_NV36ads_A10_v5, 3.20 to 12.80 USD/hour" in " ".join(shown.out.split())
    for output, read in (("json", json.loads), ("yaml", yaml.safe_load)):
        scale = read(run("plan", "-f", path, "--target", "kubernetes", "-o", output).out)["scaling"]
        ends = [
            (scale[end]["copies"], scale[end]["nodes"], scale[end]["cost"]["usdPerHour"])
            for end in ("lowest", "highest")
        ]
        assert (scale["by"], ends) == ("hpa", [(1, 1, 3.2), (4, 4, 12.8)])
    limits = written("limits: {nodes: 3}\n", "settings.yaml")
    refused = run("--settings", limits, "plan", "-f", path, "--target", "kubernetes")
    assert refused.code == 2
    assert "inference.autoscaling.maxReplicas" in refused.err
    assert "at most 3 copies fit" in refused.err
