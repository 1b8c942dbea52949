"""Parts of a pod that not everybody may have: what Kubernetes' standard ``baseline`` forbids, and an account.

Paths begin at the pod's template: ``spec.containers[0].securityContext.privileged``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

OF_THE_NODE = ("hostNetwork", "hostPID", "hostIPC")
CONTAINERS = ("initContainers", "containers", "ephemeralContainers")
PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
HOOKS = ("postStart", "preStop")
REQUESTS = ("httpGet", "tcpSocket")

CAPABILITIES = frozenset(
    {
        "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP",
        "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
    }
)  # fmt: skip
"""The capabilities that ``baseline`` lets a container add."""

SYSCTLS = frozenset(
    {
        "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem",
    }
)  # fmt: skip
"""The sysctls that bear on the pod alone."""

SELINUX_TYPES = frozenset({"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"})
APPARMOR = "container.apparmor.security.beta.kubernetes.io/"


OWN_ACCOUNT = ("", None, "default")
ACCOUNT_FIELDS = ("serviceAccountName", "serviceAccount")
IDENTITIES = {"serviceAccountToken": "a token", "podCertificate": "a certificate"}
"""The sources of a projected volume that let a pod speak for its service account."""

Asked = Iterator[tuple[str, str]]
"""The path of each part that asks for too much, and for what."""


def asked_by_pod(template: Mapping[str, Any]) -> Asked:
    """Yield what the pods of a template ask for beyond an ordinary pod."""
    yield from _of_metadata(_mapping(template, "metadata"))
    spec = _mapping(template, "spec")
    for field in OF_THE_NODE:
        if spec.get(field):
            yield f"spec.{field}", f"{field}: the node's own"
    for index, volume in enumerate(_mappings(spec, "volumes")):
        yield from asked_by_volume(f"spec.volumes[{index}]", volume)
    yield from _of_account(spec)
    context = _mapping(spec, "securityContext")
    yield from _of_context("spec.securityContext", context)
    for index, sysctl in enumerate(_mappings(context, "sysctls")):
        if str(sysctl.get("name")) not in SYSCTLS:
            yield f"spec.securityContext.sysctls[{index}]", f"the sysctl {sysctl.get('name')}"
    for part in CONTAINERS:
        for index, container in enumerate(_mappings(spec, part)):
            yield from _of_container(f"spec.{part}[{index}]", container)


def asked_by_volume(path: str, volume: Mapping[str, Any]) -> Asked:
    """Yield what a volume asks for: a directory of the node, or what an account's requests are known by."""
    # ``hostPath: null`` is as if it were not there.
    if volume.get("hostPath") is not None:
        yield f"{path}.hostPath", "a directory of the node"
    for index, source in enumerate(_mappings(_mapping(volume, "projected"), "sources")):
        for field, what in IDENTITIES.items():
            if source.get(field) is not None:
                yield f"{path}.projected.sources[{index}].{field}", f"{what} of its service account"


def _of_metadata(metadata: Mapping[str, Any]) -> Asked:
    for key, value in _mapping(metadata, "annotations").items():
        kept = value in ("runtime/default", "", None) or str(value).startswith("localhost/")
        if str(key).startswith(APPARMOR) and not kept:
            yield f"metadata.annotations.{key}", f"AppArmor {value}"


def _of_account(spec: Mapping[str, Any]) -> Asked:
    for field in ACCOUNT_FIELDS:
        if spec.get(field) not in OWN_ACCOUNT:
            yield f"spec.{field}", f"the service account {spec[field]}"
    if spec.get("automountServiceAccountToken"):
        yield "spec.automountServiceAccountToken", "a token of its service account"


def _of_container(path: str, container: Mapping[str, Any]) -> Asked:
    context, place = _mapping(container, "securityContext"), f"{path}.securityContext"
    yield from _of_context(place, context)
    if context.get("privileged"):
        yield f"{place}.privileged", "a privileged container"
    added = _mapping(context, "capabilities").get("add") or ()
    for name in added if isinstance(added, list | tuple) else ():
        if str(name) not in CAPABILITIES:
            yield f"{place}.capabilities.add", f"the capability {name}"
    if context.get("procMount") not in (None, "", "Default"):
        yield f"{place}.procMount", f"procMount: {context['procMount']}"
    for index, port in enumerate(_mappings(container, "ports")):
        if port.get("hostPort"):
            yield f"{path}.ports[{index}].hostPort", "a port of the node"
    for field in PROBES:
        yield from _of_request(f"{path}.{field}", _mapping(container, field))
    for field in HOOKS:
        yield from _of_request(f"{path}.lifecycle.{field}", _mapping(_mapping(container, "lifecycle"), field))


def _of_request(path: str, handler: Mapping[str, Any]) -> Asked:
    """Yield the host that the kubelet is to ask: from the node, it reaches what no pod does."""
    for kind in REQUESTS:
        if host := _mapping(handler, kind).get("host"):
            yield f"{path}.{kind}.host", f"requests of the node to {host}"


def _of_context(path: str, context: Mapping[str, Any]) -> Asked:
    for field in ("seccompProfile", "appArmorProfile"):
        if _mapping(context, field).get("type") == "Unconfined":
            yield f"{path}.{field}.type", f"an unconfined {field}"
    selinux = _mapping(context, "seLinuxOptions")
    if str(selinux.get("type") or "") not in SELINUX_TYPES or selinux.get("user") or selinux.get("role"):
        yield f"{path}.seLinuxOptions", "SELinux rights of its own"
    if _mapping(context, "windowsOptions").get("hostProcess"):
        yield f"{path}.windowsOptions.hostProcess", "a process of the node"


def _mapping(parent: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    """Return a part of what a user wrote; empty where it has another form, which another rule tells of."""
    value = parent.get(field)
    return value if isinstance(value, Mapping) else {}


def _mappings(parent: Mapping[str, Any], field: str) -> list[Mapping[str, Any]]:
    value = parent.get(field)
    return [item if isinstance(item, Mapping) else {} for item in value] if isinstance(value, list | tuple) else []
