"""``inference.template`` asks for nothing that Kubernetes' standard ``baseline`` forbids, unless the settings allow it.

The operator creates the pod. Who may write a Workspace may not always create pods, and would get by it what the
cluster does not give them: a pod that is root on its node.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from llmwright.check.check_input import CheckInput
from llmwright.errors import Problem

PATH = "inference.template.spec"
OF_THE_NODE = ("hostNetwork", "hostPID", "hostIPC")

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


def check_template_rights(inputs: CheckInput) -> Iterator[Problem]:
    """A new or a changed template is an ordinary pod."""
    template = inputs.written.template
    unchanged = inputs.old is not None and inputs.old.template == template
    if not isinstance(template, Mapping) or inputs.policy.privileged_templates or not inputs.on_cluster or unchanged:
        return
    for path, what in (*_of_metadata(_mapping(template, "metadata")), *_of_spec(_mapping(template, "spec"))):
        hint = "remove it; the person who runs LLMwright may allow it by the setting privilegedTemplates"
        yield Problem(path, f"a template may not ask for {what}", hint, reason="PrivilegedTemplate")


Asked = Iterator[tuple[str, str]]
"""The path of each part that asks for too much, and for what."""


def _of_metadata(metadata: Mapping[str, Any]) -> Asked:
    for key, value in _mapping(metadata, "annotations").items():
        kept = value in ("runtime/default", "", None) or str(value).startswith("localhost/")
        if str(key).startswith(APPARMOR) and not kept:
            yield f"inference.template.metadata.annotations.{key}", f"AppArmor {value}"


def _of_spec(spec: Mapping[str, Any]) -> Asked:
    for field in OF_THE_NODE:
        if spec.get(field):
            yield f"{PATH}.{field}", f"{field}: the node's own"
    for index, volume in enumerate(_mappings(spec, "volumes")):
        if "hostPath" in volume:
            yield f"{PATH}.volumes[{index}].hostPath", "a directory of the node"
    context = _mapping(spec, "securityContext")
    yield from _of_context(f"{PATH}.securityContext", context)
    for index, sysctl in enumerate(_mappings(context, "sysctls")):
        if sysctl.get("name") not in SYSCTLS:
            yield f"{PATH}.securityContext.sysctls[{index}]", f"the sysctl {sysctl.get('name')}"
    for part in ("initContainers", "containers"):
        for index, container in enumerate(_mappings(spec, part)):
            yield from _of_container(f"{PATH}.{part}[{index}]", container)


def _of_container(path: str, container: Mapping[str, Any]) -> Asked:
    context, place = _mapping(container, "securityContext"), f"{path}.securityContext"
    yield from _of_context(place, context)
    if context.get("privileged"):
        yield f"{place}.privileged", "a privileged container"
    added = _mapping(context, "capabilities").get("add") or ()
    for name in added if isinstance(added, list | tuple) else ():
        if name not in CAPABILITIES:
            yield f"{place}.capabilities.add", f"the capability {name}"
    if context.get("procMount") not in (None, "", "Default"):
        yield f"{place}.procMount", f"procMount: {context['procMount']}"
    for index, port in enumerate(_mappings(container, "ports")):
        if port.get("hostPort"):
            yield f"{path}.ports[{index}].hostPort", "a port of the node"


def _of_context(path: str, context: Mapping[str, Any]) -> Asked:
    for field in ("seccompProfile", "appArmorProfile"):
        if _mapping(context, field).get("type") == "Unconfined":
            yield f"{path}.{field}.type", f"an unconfined {field}"
    selinux = _mapping(context, "seLinuxOptions")
    if (selinux.get("type") or "") not in SELINUX_TYPES or selinux.get("user") or selinux.get("role"):
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
