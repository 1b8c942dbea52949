"""A Launch that the real supervisor of one machine carries out, in a process of its own, from apply to delete."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

from llmwright.api.workspace import Workspace
from llmwright.errors import LLMwrightError
from llmwright.provisioners.local import NAME
from llmwright.targets.local.options import LocalOptions
from llmwright.targets.local.target import LocalTarget
from llmwright.testing.presets import make_node_request
from llmwright.testing.processes import PATIENCE_S
from llmwright.values.launch import Launch, Mount, Process, Volume
from llmwright.values.plan import Choice, Plan
from llmwright.values.preset import Preset

SPACE, WORKSPACE = "default", "contract"
PACK = ("$(python)", "-m", "llmwright.artifacts", "pack", "--adapter", "$(volume.results)", "--layout")
"""As the core packs the adapter of every tuning on one machine."""


@dataclass(frozen=True)
class Supervised:
    """A Workspace under a supervisor, whose files are in ``folder``."""

    folder: Path
    preset: Preset
    environ: Mapping[str, str]
    patience_s: float = PATIENCE_S

    @contextmanager
    def serving(self, launch: Launch) -> Iterator[str]:
        """Have it serve; yield the endpoint once it is Ready, and delete it after.

        Raises:
            AssertionError: it is never Ready.
        """
        with self._applied({"inference": {"preset": {"name": self.preset.name}}}, self._plan(serving=launch)) as target:
            self._wait(target, "Ready")
            status = target.get(SPACE, WORKSPACE).status
            yield status.endpoint or "" if status is not None else ""

    def tune(self, launch: Launch, data: Path, results: Path) -> None:
        """Have it tuned with the data set in ``data``, until its adapter is packed as an image.

        Raises:
            AssertionError: it does not succeed.
        """
        launch = replace(
            launch,
            after=(*launch.after, _pack(self.preset)),
            volumes=(*launch.volumes, _directory("data", data), _directory("results", results)),
        )
        tuning = {
            "preset": {"name": self.preset.name}, "method": "of-the-contract",
            "input": {"volumeSource": {"hostPath": {"path": str(data)}}},
            "output": {"volumeSource": {"hostPath": {"path": str(results)}}},
        }  # fmt: skip
        with self._applied({"tuning": tuning}, self._plan(tuning=launch)) as target:
            self._wait(target, "WorkspaceSucceeded")

    def _plan(self, serving: Launch | None = None, tuning: Launch | None = None) -> Plan:
        return Plan(
            workspace=WORKSPACE, namespace=SPACE, inputs="as-asked", target="local", preset=self.preset.name,
            provisioner=Choice(name=NAME, why="the contract asks for it"),
            nodes=make_node_request(namespace=SPACE, workspace=WORKSPACE),
            serving=serving, tuning=tuning, served_names=(self.preset.name,),
        )  # fmt: skip

    @contextmanager
    def _applied(self, written: dict[str, Any], plan: Plan) -> Iterator[LocalTarget]:
        body: dict[str, Any] = {"apiVersion": "kaito.sh/v1beta1", "kind": "Workspace"}
        body |= {"metadata": {"name": WORKSPACE, "namespace": SPACE}, "resource": {"provisioner": NAME}, **written}
        options = LocalOptions(preflight=False, on_success="release", retries=0, tick_s=0.1)
        target = LocalTarget(self.folder / "state", options)
        # As this process finds its modules: a plugin may lie beside a test, and not be installed.
        environ = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "HF_HUB_OFFLINE": "1", **self.environ}
        with mock.patch.dict(os.environ, environ):
            target.apply(Workspace.model_validate(body), plan, base_directory=self.folder)
            try:
                yield target
            finally:
                target.delete(SPACE, WORKSPACE, timeout_s=PATIENCE_S)

    def _wait(self, target: LocalTarget, condition: str) -> None:
        try:
            target.wait(SPACE, WORKSPACE, condition, self.patience_s)
        except LLMwrightError as error:
            lines = [*target.logs(SPACE, WORKSPACE)]
            raise AssertionError(f"the supervisor: {error.message}; {' / '.join(lines[-3:])}") from error


def port_of(endpoint: str) -> int:
    """Return the port of an endpoint.

    Raises:
        AssertionError: the status names none.
    """
    port = urlsplit(endpoint).port
    assert port is not None, f"the status names no endpoint: {endpoint!r}"
    return port


def _pack(preset: Preset) -> Process:
    argv = (*PACK, "$(volume.results)/image", "--reference", WORKSPACE, "--preset", preset.name)
    return Process(name="pack", argv=argv, mounts=(Mount(volume="results", path="/mnt/adapter"),))


def _directory(name: str, folder: Path) -> Volume:
    return Volume(name=name, kind="directory", source=str(folder))
