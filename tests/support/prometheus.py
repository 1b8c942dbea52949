"""The real Prometheus on loopback, with the scrape job, the rules and the dashboard of ``deploy/grafana``."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from tests.support.waiting import wait_until

from llmwright.testing.cluster.programs import free_port

GRAFANA = Path(__file__).parents[2] / "deploy/grafana"
SCRAPE_S = 0.25


class Prometheus:
    """A Prometheus whose ``job`` finds ``pods``: the address of each, with the labels that discovery gives.

    Debian's build has no discovery by Kubernetes, so a fixed list stands for it; what is made of the labels is the
    file's own.
    """

    def __init__(
        self, program: str, folder: Path, pods: Mapping[str, Mapping[str, str]], job: str = "llmwright"
    ) -> None:
        config = yaml.safe_load((GRAFANA / "prometheus.yml").read_text())
        (chosen,) = (each for each in config["scrape_configs"] if each["job_name"] == job)
        del chosen["kubernetes_sd_configs"]
        chosen["static_configs"] = [{"targets": [address], "labels": {**labels}} for address, labels in pods.items()]
        config["scrape_configs"] = [chosen]
        config["global"] = {"scrape_interval": f"{SCRAPE_S * 1000:.0f}ms", "evaluation_interval": "1s"}
        config["rule_files"] = [str(GRAFANA / name) for name in config["rule_files"]]
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        port = free_port()
        flags = (f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}")
        self.log = folder / "log"
        with self.log.open("wb") as log:
            command = [program, *flags, f"--web.listen-address=127.0.0.1:{port}"]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30)
        wait_until(self._is_ready, f"Prometheus is ready: see {self.log}")

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        with contextlib.suppress(httpx.TransportError):
            return self._client.get("/-/ready").status_code == httpx.codes.OK
        return False

    def get(self, path: str, **parameters: str) -> Any:
        """Return ``data`` of an answer of its API."""
        answer = self._client.get(f"/api/v1/{path}", params=parameters).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def query(self, text: str) -> list[Any]:
        """Return the samples of a query of the dashboard, over the last seconds."""
        result: list[Any] = self.get("query", query=text)["result"]
        return result

    def close(self) -> None:
        self._client.close()
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def running_prometheus(
    folder: Path, pods: Mapping[str, Mapping[str, str]], job: str = "llmwright"
) -> Iterator[Prometheus]:
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus is not installed (make programs)")
    made = Prometheus(program, folder, pods, job)
    try:
        yield made
    finally:
        made.close()


def dashboard() -> dict[str, Any]:
    """Return the dashboard."""
    content: dict[str, Any] = json.loads((GRAFANA / "dashboard.json").read_text())
    return content


def queries(panels: Sequence[Mapping[str, Any]], values: Mapping[str, str]) -> dict[str, str]:
    """Return each query of ``panels`` by the panel's title and the query's letter, with its variables filled in."""
    texts = {f"{panel['title']} {target['refId']}": target["expr"] for panel in panels for target in panel["targets"]}
    return {name: _filled(text, values) for name, text in texts.items()}


def _filled(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"${name}", value)
    return text
