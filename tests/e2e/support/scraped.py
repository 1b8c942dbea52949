"""A real Prometheus that scrapes one server through the job of ``deploy/grafana``, and asks the dashboard's queries."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.support.prometheus import SCRAPE_S, Prometheus, dashboard, queries, running_prometheus
from tests.support.waiting import wait_until

LABEL = "__meta_kubernetes_pod_label"
POD = {
    f"{LABEL}present_kaito_sh_workspace": "true",
    f"{LABEL}_kaito_sh_workspace": "mine",
    "__meta_kubernetes_pod_phase": "Running",
    "__meta_kubernetes_pod_container_port_name": "http",
}
VALUES = {"__rate_interval": "5m", "workspace": "mine", "model": ".*"}


@contextlib.contextmanager
def scraped(endpoint: str, folder: Path) -> Iterator[Prometheus]:
    """Scrape ``endpoint`` as if it were a pod of the Workspace ``mine``."""
    with running_prometheus(folder, {urlsplit(endpoint).netloc: POD}) as prometheus:
        wait_until(lambda: prometheus.query('up{workspace="mine"} == 1'), "the server was scraped")
        yield prometheus


def unanswered(prometheus: Prometheus, seconds: float = 30) -> list[str]:
    """Return the queries of the dashboard, panel and letter, that give no number within ``seconds``: [] at best."""
    end = time.monotonic() + seconds
    while (left := _unanswered_now(prometheus)) and time.monotonic() < end:
        time.sleep(SCRAPE_S)
    return left


def _unanswered_now(prometheus: Prometheus) -> list[str]:
    answers = {name: prometheus.query(text) for name, text in queries(dashboard()["panels"], VALUES).items()}
    return [name for name, samples in answers.items() if not samples or any(map(_is_no_number, samples))]


def _is_no_number(sample: Any) -> bool:
    value = float(sample["value"][1])
    return value != value
