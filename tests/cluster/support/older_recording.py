"""Keep what an older version leaves on a cluster: ``python -m tests.cluster.support.older_recording COMMIT NAME``.

The commit is installed into an environment of its own. Its definition and its operator carry out Workspaces on a real
API server with nodes of KWOK, and what came of it is written below ``tests/cluster/older/NAME``. Tests read that, so
they need neither the commit nor its packages.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from tests.cluster.support.older_version import FOLDER, NAMES, PREFIX, bring_nodes
from tests.cluster.support.operating import SETTINGS
from tests.cluster.support.workspaces import Workspaces
from tests.support import programs
from tests.support.waiting import wait_until

from llmwright.testing.cluster import Cluster, OperatorProcess

Object = dict[str, Any]

ROOT = Path(__file__).parents[3]
MODEL: Object = {"name": "phi-4-mini-instruct"}
PATHS = tuple(
    f"{group}/namespaces/default/{plural}"
    for group, plural in (
        ("/apis/kaito.sh/v1beta1", "workspaces"),
        ("/apis/apps/v1", "statefulsets"),
        ("/apis/batch/v1", "jobs"),
        ("/api/v1", "services"),
        ("/apis/apps/v1", "controllerrevisions"),
    )
)
GIVEN = ("resourceVersion", "generation", "creationTimestamp")
"""What an API server gives each object anew."""
JOBS_OWN = ("controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name")
STILL_S = 10.0
"""How long nothing has changed where an operator has done all that it had to do."""


def asked(found: Workspaces) -> Iterator[Object]:
    """Yield the Workspaces of an older version's users."""
    own = {"containers": [{"name": "own", "image": "registry.example/own:1"}]}
    yield found.inference(f"{PREFIX}serves")
    yield {**found.inference(f"{PREFIX}alpha"), "apiVersion": "kaito.sh/v1alpha1"}
    yield {**found.inference(f"{PREFIX}own"), "inference": {"template": {"spec": own}}}
    yield found.inference(f"{PREFIX}two", count=2)
    yield found.tuning(f"{PREFIX}tunes")
    yield found.inference(f"{PREFIX}waits")


def odd(found: Workspaces) -> Iterator[Object]:
    """Yield Workspaces that an older version may have accepted, and that no newer one does."""
    tuned = found.tuning("any")["tuning"]
    wrong: dict[str, Object] = {
        "config": {"inference": {"preset": MODEL, "config": "Not A Name"}},
        "copies": {"inference": {"preset": MODEL, "replicas": 99999}},
        "count": {"resource": {"count": 0}},
        "access": {"inference": {"preset": {**MODEL, "accessMode": "shared"}}},
        "both": {"tuning": tuned},
        "dots.in-it": {},
        "preset": {"inference": {"preset": {"name": "long-gone"}}},
        "tunes-twice": {"inference": None, "resource": {"count": 2}, "tuning": tuned},
        "two-sources": {"inference": None, "tuning": {**tuned, "input": {**tuned["input"], "image": "registry/x:1"}}},
        "type": {"resource": {"instanceType": "Standard_Gone"}},
    }
    for name, parts in wrong.items():
        made = found.inference(f"{PREFIX}odd-{name}")
        yield {key: part for key, part in {**made, **_with_resource(made, parts)}.items() if part is not None}


def _with_resource(made: Object, parts: Object) -> Object:
    return {**parts, "resource": {**made["resource"], **parts.get("resource", {})}}


def install(commit: str, folder: Path) -> str:
    """Install that commit below ``folder``, and return the path of its Python."""
    source, environment = folder / "source", folder / "environment"
    packed = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(source, filter="data")
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    python = str(environment / "bin/python")
    plugins = [str(each.parent) for each in sorted(source.glob("plugins/*/pyproject.toml"))]
    ours = [f"{source}/core[kubernetes]", f"{source}/presets", *plugins]
    releases = str(source / "constraints/tested.txt")
    subprocess.run([python, "-m", "pip", "install", "-q", "-c", releases, *ours], check=True)
    return python


def carried_out(plane: Cluster, python: str, folder: Path) -> list[Object]:
    """Have that version carry out all of ``asked``, and those of ``odd`` that it accepts; return what it left."""
    found = Workspaces(plane)
    bring_nodes(found)
    operator = OperatorProcess(plane.kubeconfig, folder / "operator", SETTINGS, python=(python,))
    operator.start()
    try:
        plane.apply(*asked(found))
        for each in odd(found):
            refusal = plane.kubectl("create", "-f", "-", stdin=json.dumps(each), check=False)
            print(each["metadata"]["name"], refusal.strip())
        wait_until(lambda: all(_judged(each) for each in _listed(plane, PATHS[0])), "each has a verdict", 120.0)
        return _still(plane)
    finally:
        operator.stop()


def _judged(workspace: Object) -> bool:
    name = workspace["metadata"]["name"].removeprefix(PREFIX)
    conditions = (workspace.get("status") or {}).get("conditions") or []
    done = {each["type"] for each in conditions if each["status"] == "True"}
    return bool(done & {"Ready", "WorkspaceSucceeded"}) if name in NAMES else bool(conditions)


def _still(plane: Cluster) -> list[Object]:
    """Return what there is once nothing of it has changed for a while."""
    before: list[Object] = []
    while (now := [each for path in PATHS for each in _listed(plane, path)]) != before:
        before = now
        time.sleep(STILL_S)
    return now


def _listed(plane: Cluster, path: str) -> list[Object]:
    """Return the Workspaces, or what belongs to one, each with its kind, which lists leave out."""
    listed = plane.fetch(path)
    assert listed is not None, path
    kind = {"apiVersion": listed["apiVersion"], "kind": listed["kind"].removesuffix("List")}
    return [{**kind, **each} for each in listed["items"] if kind["kind"] == "Workspace" or _is_child(each)]


def _is_child(each: Object) -> bool:
    return any(owner["kind"] == "Workspace" for owner in each["metadata"].get("ownerReferences", ()))


def kept(each: Object) -> Object:
    """Return the object without what another cluster gives it by itself."""
    about = {key: part for key, part in each["metadata"].items() if key not in GIVEN}
    for fields in about["managedFields"]:
        fields.pop("time", None)
    if each["kind"] == "Service" and each["spec"].get("clusterIP") != "None":
        for field in ("clusterIP", "clusterIPs"):
            each["spec"].pop(field, None)
    if each["kind"] == "Job":
        each["spec"].pop("selector", None)
        for labels in (about.get("labels", {}), each["spec"]["template"]["metadata"].get("labels", {})):
            for label in JOBS_OWN:
                labels.pop(label, None)
    return {**each, "metadata": about}


def without_descriptions(schema: Any) -> Any:
    """Return the schema without its texts, which decide nothing."""
    if isinstance(schema, dict):
        parts = {key: without_descriptions(part) for key, part in schema.items()}
        return {key: part for key, part in parts.items() if key != "description" or not isinstance(part, str)}
    return [without_descriptions(part) for part in schema] if isinstance(schema, list) else schema


def main(commit: str, name: str) -> None:
    """Write what that commit leaves into the folder of that name."""
    place = FOLDER / name
    place.mkdir(parents=True, exist_ok=True)
    made = f"# Made by `python -m tests.cluster.support.older_recording {commit} {name}`. Do not edit.\n"
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        python = install(commit, folder)
        printed = subprocess.run([python, "-m", "llmwright", "crd", "-o", "json"], capture_output=True, check=True)
        definition = json.loads(printed.stdout)
        plane = Cluster.start(programs.assets("kube-controller-manager", "kwok"), folder / "plane")
        try:
            plane.start_kwok()
            plane.apply(definition)
            plane.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
            left = [kept(each) for each in carried_out(plane, python, folder)]
        finally:
            plane.stop()
    (place / "crd.yaml").write_text(made + yaml.safe_dump(without_descriptions(definition), width=120))
    (place / "objects.yaml").write_text(made + yaml.safe_dump_all(left, sort_keys=False, width=120))


if __name__ == "__main__":
    main(*sys.argv[1:])
