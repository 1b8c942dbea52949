"""The common names, as the dashboard of ``deploy/grafana`` asks a real Prometheus for them, which asks the server."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest
import yaml
from tests.support.hf_server import RunningServer
from tests.support.prometheus import GRAFANA, Prometheus, dashboard, queries, running_prometheus
from tests.support.waiting import wait_until

DISCOVERED = "__meta_kubernetes_"
POD = {
    f"{DISCOVERED}pod_labelpresent_kaito_sh_workspace": "true",
    f"{DISCOVERED}pod_label_kaito_sh_workspace": "mine",
    f"{DISCOVERED}namespace": "team",
    f"{DISCOVERED}pod_name": "mine-0",
    f"{DISCOVERED}pod_phase": "Running",
    f"{DISCOVERED}pod_container_port_name": "http",
}
STRANGER = {name: value for name, value in POD.items() if "kaito" not in name}
VALUES = {"__rate_interval": "5m", "workspace": "mine|other", "model": ".*"}


@pytest.fixture(scope="module")
def prometheus(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that has scraped the server before and after an answer, a refusal and a client that left."""
    address = urlsplit(server.url)
    pods = {address.netloc: POD, f"127.0.0.2:{address.port}": STRANGER}
    with running_prometheus(tmp_path_factory.mktemp("prometheus"), pods) as prometheus, server.client() as http:
        wait_until(lambda: prometheus.query('up{workspace="mine"} == 1'), "the server was scraped")
        for model in ("tiny", "facts"):
            http.post("/v1/completions", json={"model": model, "prompt": "a", "max_tokens": 5}).raise_for_status()
        assert (
            http.post("/v1/completions", json={"prompt": "a", "temperature": -1}).status_code == httpx.codes.BAD_REQUEST
        )
        body = {"prompt": "a", "max_tokens": 2000, "stream": True}
        with http.stream("POST", "/v1/completions", json=body) as answer:
            next(answer.iter_lines())
        refused = 'increase(llmwright_requests_total{status="400"}[5m])'
        wait_until(lambda: prometheus.query(refused), "the refusal was scraped twice")
        left = 'increase(vllm:request_success_total{finished_reason="abort"}[5m]) > 0'
        wait_until(lambda: prometheus.query(left), "the client that left was counted")
        yield prometheus


def test_every_query_of_the_dashboard_gives_data(prometheus: Prometheus) -> None:
    asked = queries(dashboard()["panels"], VALUES)
    assert len(asked) > 20
    answers = {name: prometheus.query(text) for name, text in asked.items()}
    assert [name for name, samples in answers.items() if not samples] == []
    values = {name: [float(sample["value"][1]) for sample in samples] for name, samples in answers.items()}
    assert [name for name, numbers in values.items() if any(number != number for number in numbers)] == []
    assert {sample["metric"]["model_name"] for sample in answers["Tokens per second A"]} >= {"tiny", "facts"}
    assert values["Copies that answer A"] == [1.0]
    reasons = {
        sample["metric"]["finished_reason"]: sample["value"][1] for sample in answers["Answers by why they ended A"]
    }
    assert float(reasons["abort"]) > 0
    assert "400" in {sample["metric"]["status"] for sample in answers["Refused requests A"]}


def test_its_variables_list_workspaces_and_models(prometheus: Prometheus) -> None:
    variables = {each["name"]: each["definition"] for each in dashboard()["templating"]["list"] if "definition" in each}
    assert variables["workspace"] == "label_values(vllm:num_requests_running, workspace)"
    assert prometheus.get("label/workspace/values", **{"match[]": "vllm:num_requests_running"}) == ["mine"]
    models = prometheus.get("label/model_name/values", **{"match[]": 'vllm:generation_tokens_total{workspace=~"mine"}'})
    assert models == ["facts", "facts.half", "rhymes", "tiny"]


def test_a_pod_brings_its_workspace_and_a_stranger_is_not_asked(prometheus: Prometheus) -> None:
    (target,) = prometheus.get("targets", state="active")["activeTargets"]
    labels = {name: target["labels"][name] for name in ("job", "workspace", "namespace", "pod")}
    assert labels == {"job": "llmwright", "workspace": "mine", "namespace": "team", "pod": "mine-0"}


def test_the_alerts_are_evaluated(prometheus: Prometheus) -> None:
    def rules() -> list[dict[str, str]]:
        return [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]

    written = yaml.safe_load((GRAFANA / "alerts.yml").read_text())["groups"]
    named = {rule["alert"] for group in written for rule in group["rules"]}
    wait_until(lambda: {rule["name"] for rule in rules()} == named, "every rule was read")
    wait_until(lambda: all(rule["health"] == "ok" for rule in rules()), "every rule was evaluated")
    assert {rule["name"] for rule in rules() if rule["state"] != "inactive"} <= {"LLMwrightNobodyLeads"}
