"""What older versions of this repository left on a cluster, kept as data, and put onto a cluster again.

Each folder of ``tests/cluster/older`` has the definition of one version, and the Workspaces that its operator carried
out with their children, statuses and owners of fields. ``older_recording.py`` made them.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from tests.cluster.support.reviewing import Requests
from tests.cluster.support.workspaces import Workspaces
from tests.support.waiting import wait_until

from llmwright.testing.cluster import Cluster
from llmwright.testing.cluster.control_plane import MANAGER

Object = dict[str, Any]

FOLDER = Path(__file__).parents[1] / "older"
NAMES = {"serves": 1, "alpha": 1, "own": 1, "two": 2, "tunes": 1}
"""Those that have nodes, with how many of them."""
PREFIX = "older-"
DEFINITION = "crd/workspaces.kaito.sh"


@dataclass(frozen=True)
class OlderVersion:
    """The definition of one version, and the objects of its operator: owners before what they own."""

    definition: Object
    objects: tuple[Object, ...]

    @property
    def workspaces(self) -> dict[str, Object]:
        """The Workspaces by their names without the prefix."""
        found = (each for each in self.objects if each["kind"] == "Workspace")
        return {each["metadata"]["name"].removeprefix(PREFIX): each for each in found}


def read(name: str) -> OlderVersion:
    """Read what is kept of the version of that name."""
    folder = FOLDER / name
    definition = yaml.safe_load((folder / "crd.yaml").read_text())
    return OlderVersion(definition, tuple(yaml.safe_load_all((folder / "objects.yaml").read_text())))


def bring_nodes(found: Workspaces) -> None:
    """Bring the nodes that the Workspaces with any have; they are called the same each time."""
    for name, count in NAMES.items():
        for number in range(count):
            found.node(f"{PREFIX}{name}-{number}", f"{PREFIX}{name}")


def define(plane: Cluster, definition: Object) -> None:
    """Have the cluster know this definition alone. No Workspace is there."""
    plane.kubectl("delete", DEFINITION, "--ignore-not-found", "--timeout=60s")
    plane.apply(definition)
    # A definition that was just made has no conditions, which `kubectl wait` takes for an error.
    waiting = ("wait", "--for=condition=Established", DEFINITION, "--timeout=30s")
    wait_until(lambda: "condition met" in plane.kubectl(*waiting, check=False), "the definition is established")


def restore(plane: Cluster, requests: Requests, version: OlderVersion) -> None:
    """Put it all onto the cluster as it was, and only then let Kubernetes' own controllers act on it."""
    define(plane, version.definition)
    plane.programs.running[MANAGER].stop()
    uids: dict[str, str] = {}
    for each in version.objects:
        _store(requests, each, uids)
    plane.restart_manager()


def _store(requests: Requests, kept: Object, uids: dict[str, str]) -> None:
    body = deepcopy(kept)
    about, status = body["metadata"], body.pop("status", None)
    before, fields = about.pop("uid"), about.pop("managedFields")
    for owner in about.get("ownerReferences", ()):
        owner["uid"] = uids[owner["uid"]]
    path = place(kept)
    # A definition that is established is served a moment later.
    wait_until(lambda: requests.send("GET", path).code == 200, f"{path} is served")
    said = requests.send("POST", path, body)
    assert said.code == 201, (about["name"], said.message)
    uids[before] = said.body["metadata"]["uid"]
    if status:
        said = requests.send("PUT", f"{path}/{about['name']}/status", {**said.body, "status": status})
        assert said.code == 200, (about["name"], said.message)
    owned = {**said.body, "metadata": {**said.body["metadata"], "managedFields": fields}}
    said = requests.send("PUT", f"{path}/{about['name']}", owned)
    assert said.code == 200, (about["name"], said.message)


def place(kept: Object) -> str:
    """Return the path of the objects of that kind in the namespace ``default``."""
    api = kept["apiVersion"]
    return f"/{'apis' if '/' in api else 'api'}/{api}/namespaces/default/{kept['kind'].lower()}s"
