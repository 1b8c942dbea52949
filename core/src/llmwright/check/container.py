"""A container of a pod template: names, image, ports, environment, resources, mounts and probes (Kubernetes 1.34)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from llmwright.api.pod_schema import parse_quantity
from llmwright.check.kubernetes_names import label_key_problem, label_problem, subdomain_problem
from llmwright.errors import Problem

PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
HANDLERS = ("exec", "grpc", "httpGet", "tcpSocket")
OWN_RESOURCES = ("cpu", "memory", "ephemeral-storage")
REFERENCES = ("configMapKeyRef", "fieldRef", "fileKeyRef", "resourceFieldRef", "secretKeyRef")

_PORT_NAME = re.compile(r"(?=.*[a-z])[a-z0-9](?:-?[a-z0-9])*\Z")
_VARIABLE = re.compile(r"[ -<>-~]+\Z")
_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}\Z")
_FIELD = re.compile(
    r"metadata\.(name|namespace|uid|(labels|annotations)\['[^']+'\])\Z"
    r"|spec\.(nodeName|serviceAccountName)\Z|status\.(hostIPs?|podIPs?)\Z"
)
_MOST_PORT = 65535


def container_problems(path: str, container: Mapping[str, Any], volumes: frozenset[str]) -> Iterator[Problem]:
    """Yield what is wrong with a container whose form is right.

    Args:
        volumes: the names of the pod's volumes.
    """
    if wrong := label_problem(container["name"]):
        yield _wrong(f"{path}.name", f"{container['name']!r} {wrong}")
    image = container.get("image")
    if not image:
        yield _wrong(f"{path}.image", "is required")
    elif image != image.strip():
        yield _wrong(f"{path}.image", f"{image!r} begins or ends with a blank")
    parts: tuple[Callable[[str, Mapping[str, Any]], Iterator[Problem]], ...] = (
        _ports,
        _environment,
        _imported,
        _resources,
    )
    for judge in parts:
        yield from judge(path, container)
    yield from _mounts(f"{path}.volumeMounts", container, volumes)
    for probe in PROBES:
        if container.get(probe) is not None:
            yield from _probe(f"{path}.{probe}", container[probe], succeeds_once=probe != "readinessProbe")


def _ports(path: str, container: Mapping[str, Any]) -> Iterator[Problem]:
    names: set[str] = set()
    for index, port in enumerate(container.get("ports") or []):
        place, name = f"{path}.ports[{index}]", port.get("name")
        for field in ("containerPort", "hostPort"):
            number = port.get(field)
            if number is not None and not (1 if field == "containerPort" else 0) <= number <= _MOST_PORT:
                yield _wrong(f"{place}.{field}", f"{number} is no port, which is 1 to {_MOST_PORT}")
        if not name:
            continue
        if len(name) > 15 or not _PORT_NAME.match(name):
            message = f"{name!r} must have at most 15 of a-z, 0-9 and -, and a letter among them"
            yield _wrong(f"{place}.name", message)
        if name in names:
            yield _wrong(f"{place}.name", f"{name!r} is the name of another port")
        names.add(name)


def _environment(path: str, container: Mapping[str, Any]) -> Iterator[Problem]:
    for index, variable in enumerate(container.get("env") or []):
        place, source = f"{path}.env[{index}]", variable.get("valueFrom")
        if not _VARIABLE.match(variable["name"]):
            yield _wrong(f"{place}.name", f"{variable['name']!r} must be printable ASCII without '='")
        if source is None:
            continue
        given = [key for key in REFERENCES if source.get(key) is not None]
        if variable.get("value"):
            yield _wrong(f"{place}.valueFrom", "is there beside a value", "keep one")
        elif len(given) != 1:
            yield _wrong(f"{place}.valueFrom", f"must have exactly one of {', '.join(REFERENCES)}")
        else:
            yield from _reference(f"{place}.valueFrom.{given[0]}", source[given[0]])


def _reference(path: str, reference: Mapping[str, Any]) -> Iterator[Problem]:
    if path.endswith(("configMapKeyRef", "secretKeyRef")):
        yield from _named(f"{path}.name", reference.get("name"))
        if not _KEY.match(reference["key"]):
            yield _wrong(f"{path}.key", f"{reference['key']!r} must be made of letters, 0-9, -, _ and .")
    field = reference.get("fieldPath")
    if field is not None and not _FIELD.match(field):
        yield _wrong(f"{path}.fieldPath", f"{field!r} is no field of a pod that a variable can have")


def _named(path: str, name: str | None) -> Iterator[Problem]:
    if not name:
        yield _wrong(path, "is required")
    elif wrong := subdomain_problem(name):
        yield _wrong(path, f"{name!r} {wrong}")


def _imported(path: str, container: Mapping[str, Any]) -> Iterator[Problem]:
    for index, source in enumerate(container.get("envFrom") or []):
        place = f"{path}.envFrom[{index}]"
        given = [key for key in ("configMapRef", "secretRef") if source.get(key) is not None]
        if len(given) != 1:
            yield _wrong(place, "must have exactly one of configMapRef, secretRef")
        else:
            yield from _named(f"{place}.{given[0]}.name", source[given[0]].get("name"))


def _resources(path: str, container: Mapping[str, Any]) -> Iterator[Problem]:
    resources = container.get("resources") or {}
    limits, demands = (
        {name: amount for name, amount in (resources.get(part) or {}).items() if amount is not None}
        for part in ("limits", "requests")
    )
    for part, amounts in (("limits", limits), ("requests", demands)):
        for name, amount in amounts.items():
            place, number = f"{path}.resources.{part}.{name}", parse_quantity(amount)
            if name not in OWN_RESOURCES and not name.startswith("hugepages-") and "/" not in name:
                hint = "cpu, memory, ephemeral-storage, or a device as nvidia.com/gpu"
                yield _wrong(place, f"{name!r} is no resource of Kubernetes", hint)
            elif "/" in name and (wrong := label_key_problem(name)):
                yield _wrong(place, f"{name!r} {wrong}")
            elif number < 0:
                yield _wrong(place, "must be 0 or more")
            elif "/" in name and number != int(number):
                yield _wrong(place, f"{amount} of a device is no whole number")
    yield from _bounds(path, limits, demands)


def _bounds(path: str, limits: Mapping[str, Any], demands: Mapping[str, Any]) -> Iterator[Problem]:
    for name, amount in demands.items():
        place, most = f"{path}.resources.requests.{name}", limits.get(name)
        if most is not None and parse_quantity(amount) > parse_quantity(most):
            yield _wrong(place, f"{amount} is more than the limit of {most}")
        elif "/" in name and (most is None or parse_quantity(amount) != parse_quantity(most)):
            yield _wrong(place, f"a device wants its limit equal to its request of {amount}", "write it below limits")


def _mounts(path: str, container: Mapping[str, Any], volumes: frozenset[str]) -> Iterator[Problem]:
    taken: set[str] = set()
    for index, mount in enumerate(container.get("volumeMounts") or []):
        place, target = f"{path}[{index}]", mount["mountPath"]
        if mount["name"] not in volumes:
            yield _wrong(f"{place}.name", f"the pod has no volume {mount['name']!r}")
        if not target:
            yield _wrong(f"{place}.mountPath", "is required")
        below = mount.get("subPath") or ""
        if below.startswith("/") or ".." in below.split("/"):
            yield _wrong(f"{place}.subPath", f"{below!r} must be a relative path without '..'")
        if target in taken:
            yield _wrong(f"{place}.mountPath", f"{target} is where another volume is mounted")
        taken.add(target)


def _probe(path: str, probe: Mapping[str, Any], *, succeeds_once: bool) -> Iterator[Problem]:
    handlers = [name for name in HANDLERS if probe.get(name) is not None]
    if len(handlers) != 1:
        yield _wrong(path, f"must have exactly one of {', '.join(HANDLERS)}")
    for name in ("httpGet", "tcpSocket", "grpc"):
        port = (probe.get(name) or {}).get("port")
        if isinstance(port, int) and not 1 <= port <= _MOST_PORT:
            yield _wrong(f"{path}.{name}.port", f"{port} is no port, which is 1 to {_MOST_PORT}")
        elif isinstance(port, str) and not (len(port) <= 15 and _PORT_NAME.match(port)):
            yield _wrong(f"{path}.{name}.port", f"{port!r} is no port's number or name")
    if probe.get("exec") is not None and not probe["exec"].get("command"):
        yield _wrong(f"{path}.exec.command", "is required")
    for name in ("initialDelaySeconds", "periodSeconds", "timeoutSeconds", "successThreshold", "failureThreshold"):
        if (probe.get(name) or 0) < 0:
            yield _wrong(f"{path}.{name}", "must be 0 or more")
    if succeeds_once and probe.get("successThreshold") not in (None, 0, 1):
        yield _wrong(f"{path}.successThreshold", "must be 1")


def _wrong(path: str, message: str, hint: str = "") -> Problem:
    return Problem(path, message, hint, reason="Unworkable")
