"""Metrics of several replicas as one."""

from __future__ import annotations

from llmwright_runtime_hf.serve.server_metrics import ServerMetrics
from llmwright_runtime_ray.serve.metric_families import added, exposition, families_of


def replica(tokens: int) -> ServerMetrics:
    metrics = ServerMetrics()
    metrics.completion_tokens.labels("demo").inc(tokens)
    metrics.times.first_token.labels("demo").observe(0.02)
    metrics.running.inc()
    metrics.cache_usage.set(tokens / 10)
    metrics.model_info.labels("demo", "", "float32", "none", "512").set(1)
    return metrics


def test_values_are_added_but_where_a_sum_means_nothing() -> None:
    families = added([families_of(replica(3).registry), families_of(replica(4).registry)])
    lines = exposition(families).decode().splitlines()
    assert 'llmwright_completion_tokens_total{model="demo"} 7.0' in lines
    assert 'llmwright_time_to_first_token_seconds_count{model="demo"} 2.0' in lines
    assert "llmwright_requests_running 2.0" in lines
    assert "llmwright_kv_cache_usage_ratio 0.4" in lines
    assert next(line for line in lines if line.startswith("llmwright_model_info{")).endswith(" 1.0")


def test_the_sum_of_one_is_the_server_s_own_text() -> None:
    metrics = replica(5)
    own = {line for line in metrics.exposition().decode().splitlines() if not line.startswith("#")}
    summed = set(exposition(added([families_of(metrics.registry)])).decode().splitlines())
    assert own <= summed
