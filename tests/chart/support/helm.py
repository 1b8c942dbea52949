"""The real ``helm``, against a cluster or alone."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from tests.chart.support.chart_files import CHART

Object = dict[str, Any]
NAMESPACE, RELEASE = "llmwright-system", "llmwright"
MONITORING = "monitoring.coreos.com/v1"


@dataclass
class Done:
    """How a command ended, and all that it printed."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Helm:
    """``helm`` with a home of its own."""

    program: Path
    home: Path
    kubeconfig: Path | None = None

    def run(self, *arguments: str, values: Object | None = None) -> Done:
        """Run it; ``values`` become a file that it reads over the chart's."""
        more: list[str] = []
        if values is not None:
            file = self.home / "values.yaml"
            file.write_text(json.dumps(values))
            more = ["--values", str(file)]
        environ = {"HOME": str(self.home), "PATH": "/usr/bin:/bin", "NO_PROXY": "*"}
        if self.kubeconfig is not None:
            environ["KUBECONFIG"] = str(self.kubeconfig)
        command = [str(self.program), *arguments, *more]
        done = subprocess.run(command, capture_output=True, text=True, env=environ, timeout=300, check=False)
        return Done(done.returncode, done.stdout, done.stderr)

    def install(self, values: Object, *more: str, chart: Path = CHART, release: str = RELEASE) -> Done:
        """Install the chart, and wait."""
        named = ("install", release, str(chart), "--namespace", NAMESPACE, "--create-namespace")
        return self.run(*named, "--wait", "--timeout=90s", *more, values=values)

    def upgrade(self, values: Object, chart: Path = CHART) -> Done:
        """Upgrade the release, and wait."""
        return self.run(
            "upgrade", RELEASE, str(chart), "--namespace", NAMESPACE, "--wait", "--timeout=90s", values=values
        )

    def uninstall(self, release: str = RELEASE) -> Done:
        """Uninstall the release, and wait until its objects are gone."""
        return self.run("uninstall", release, "--namespace", NAMESPACE, "--wait", "--timeout=90s")

    def template(self, values: Object | None = None, *more: str) -> Done:
        """Render the chart."""
        named = ("template", RELEASE, str(CHART), "--namespace", NAMESPACE)
        return self.run(*named, *more, values=values or {})

    def objects(self, values: Object | None = None) -> list[Object]:
        """Return what the chart renders.

        Raises:
            AssertionError: it is refused.
        """
        done = self.template(values)
        assert done.code == 0, done.err
        return [each for each in yaml.safe_load_all(done.out) if each]

    def one(self, kind: str, name: str, values: Object | None = None) -> Object:
        """Return the one object of that kind and name."""
        (found,) = [each for each in self.objects(values) if (each["kind"], each["metadata"]["name"]) == (kind, name)]
        return found
