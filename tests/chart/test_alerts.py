"""Each alert fires when it should, as Prometheus' own ``promtool`` sees it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.chart.support.helm import Helm

GRAFANA = Path(__file__).parents[2] / "deploy/grafana"


def read(name: str) -> Any:
    return yaml.safe_load((GRAFANA / name).read_text())


@pytest.fixture
def promtool() -> str:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not installed (make programs)")
    return program


def test_they_fire_when_they_should(promtool: str) -> None:
    for words in (("check", "rules", "alerts.yml"), ("test", "rules", "alerts_test.yml")):
        done = subprocess.run([promtool, *words], cwd=GRAFANA, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_none_is_without_a_test() -> None:
    alerts = {rule["alert"] for group in read("alerts.yml")["groups"] for rule in group["rules"]}
    cases = [case for test in read("alerts_test.yml")["tests"] for case in test["alert_rule_test"]]
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == alerts
    assert {case["alertname"] for case in cases if not case["exp_alerts"]} == alerts


def test_the_chart_installs_the_same(helm: Helm) -> None:
    values = {"metrics": {"rules": {"enabled": True}, "podMonitor": {"enabled": True}}}
    assert helm.one("PrometheusRule", "llmwright-operator", values)["spec"] == read("alerts.yml")
    (endpoint,) = helm.one("PodMonitor", "llmwright-operator", values)["spec"]["podMetricsEndpoints"]
    assert endpoint["honorLabels"] is True
