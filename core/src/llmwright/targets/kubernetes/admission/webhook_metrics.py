"""Metrics of the webhook for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

    from llmwright.targets.kubernetes.admission.webhook import Webhook


class WebhookMetrics(Collector):
    """A collector that reads the webhook at each scrape."""

    def __init__(self, webhook: Webhook) -> None:
        self._webhook = webhook

    def collect(self) -> Iterator[Metric]:
        """Yield the number of reviews by outcome, and the time when the certificate expires."""
        about = "Reviews of Workspaces that the webhook answered, by outcome."
        reviews = CounterMetricFamily("llmwright_admission_reviews", about, labels=("outcome",))
        for outcome, count in self._webhook.outcomes.items():
            reviews.add_metric((outcome,), count)
        yield reviews
        expires = self._webhook.expires
        if expires is not None:
            about = "When the webhook's certificate expires, in seconds since 1970."
            name = "llmwright_admission_certificate_expiry_timestamp_seconds"
            yield GaugeMetricFamily(name, about, value=expires.timestamp())
