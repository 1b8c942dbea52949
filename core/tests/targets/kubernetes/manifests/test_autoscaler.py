"""The autoscaler of ``inference.autoscaling``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from core.tests.targets.kubernetes.support.rendered import INFERENCE, NODES, SERVER, render_input

from llmwright.plugins.drivers import Capabilities
from llmwright.settings.model import Settings
from llmwright.targets.kubernetes.manifests import Manifest, RenderInput, serving_objects
from llmwright.testing import make_context
from llmwright_runtime_hf.driver import HfRuntime
from llmwright_runtime_vllm.driver import VllmRuntime

TARGET = {"apiVersion": "kaito.sh/v1beta1", "kind": "Workspace", "name": "ws"}
LOAD = 'sum({__name__=~"vllm:num_requests_running|vllm:num_requests_waiting",namespace="ns",pod=~"ws-[0-9]+"})'


def scaled(runtime: type[Any] = VllmRuntime, **scaling: Any) -> RenderInput:
    autoscaling = {"minReplicas": 1, "maxReplicas": 4, **scaling}
    source = render_input({"prometheus": "http://prometheus:9090"}, inference={**INFERENCE, "autoscaling": autoscaling})
    return replace(source, runtime=runtime(make_context()))


def autoscaler(source: RenderInput) -> Manifest | None:
    *_, candidate, server = serving_objects(source, SERVER, NODES)
    assert server["kind"] == "StatefulSet"
    return candidate if candidate["kind"] != "Service" else None


def test_a_horizontal_pod_autoscaler_asks_for_what_the_runtime_counts() -> None:
    found = autoscaler(scaled())
    assert found is not None
    assert (found["apiVersion"], found["kind"]) == ("autoscaling/v2", "HorizontalPodAutoscaler")
    assert found["metadata"]["annotations"] == {"llmwright.io/role": "serving"}
    assert found["metadata"]["ownerReferences"]
    spec = found["spec"]
    assert (spec["scaleTargetRef"], spec["minReplicas"], spec["maxReplicas"]) == (TARGET, 1, 4)
    metrics = [(metric["pods"]["metric"]["name"], metric["pods"]["target"]) for metric in spec["metrics"]]
    ten = {"type": "AverageValue", "averageValue": "10"}
    assert metrics == [("vllm:num_requests_running", ten), ("vllm:num_requests_waiting", ten)]


def test_the_users_metric_and_target_count() -> None:
    found = autoscaler(scaled(HfRuntime, metric="cpu", target=1.5))
    assert found is not None
    average = {"type": "AverageValue", "averageValue": "1500m"}
    assert found["spec"]["metrics"] == [{"type": "Resource", "resource": {"name": "cpu", "target": average}}]


def test_a_scaled_object_asks_prometheus_for_the_load_of_all_copies() -> None:
    found = autoscaler(scaled(by="keda", target=5))
    assert found is not None
    assert (found["apiVersion"], found["kind"]) == ("keda.sh/v1alpha1", "ScaledObject")
    spec = found["spec"]
    assert (spec["scaleTargetRef"], spec["minReplicaCount"], spec["maxReplicaCount"]) == (TARGET, 1, 4)
    query = {"serverAddress": "http://prometheus:9090", "query": LOAD, "threshold": "5"}
    assert spec["triggers"] == [{"type": "prometheus", "metadata": query, "metricType": "AverageValue"}]


def test_from_nothing_the_users_query_wakes_one_copy_and_no_second() -> None:
    found = autoscaler(scaled(by="keda", minReplicas=0, activationQuery="rate(gateway_requests[1m])", metric="cpu"))
    assert found is not None
    load, wake = found["spec"]["triggers"]
    assert load == {"type": "cpu", "metricType": "AverageValue", "metadata": {"value": "10"}}
    assert wake["metadata"] == {
        "serverAddress": "http://prometheus:9090",
        "query": "clamp_max(sum(rate(gateway_requests[1m])), 1)",
        "threshold": "1",
        "activationThreshold": "0",
    }


def test_letters_with_a_meaning_in_a_regular_expression_are_letters() -> None:
    found = autoscaler(scaled(by="keda", metric="a.b|c"))
    assert found is not None
    assert '__name__=~"a[.]b[|]c"' in found["spec"]["triggers"][0]["metadata"]["query"]


def test_a_runtime_that_scales_itself_has_none() -> None:
    class Alive(HfRuntime):
        capabilities = Capabilities(scales_itself=True)

    assert autoscaler(scaled(Alive)) is None
    assert autoscaler(replace(render_input(), settings=Settings())) is None
