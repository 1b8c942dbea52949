"""Kubernetes' Pod Security standards, field by field: pods that keep a standard but for one field, and that field.

By https://kubernetes.io/docs/concepts/security/pod-security-standards/ of Kubernetes 1.34, for Linux and Windows.
"""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]

KEPT: Object = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""What ``restricted`` wants of a container."""

CONTAINER: Object = {"name": "c", "image": "registry.example/i:1", "securityContext": KEPT}
SPEC: Object = {"containers": [CONTAINER]}


def container(**parts: Any) -> Object:
    """A pod whose one container has these parts too."""
    return {"containers": [{**CONTAINER, **parts}]}


def context(**parts: Any) -> Object:
    """A pod whose one container has these parts in its security context."""
    return container(securityContext={**KEPT, **parts})


def before(**parts: Any) -> Object:
    """A pod with an init container that has these parts in its security context."""
    first = {**CONTAINER, "name": "i", "securityContext": {**KEPT, **parts}}
    return {"initContainers": [first], **SPEC}


def pod(**parts: Any) -> Object:
    """A pod with these parts in its own security context."""
    return {**SPEC, "securityContext": parts}


def volume(**source: Any) -> Object:
    """A pod with one volume."""
    return {**SPEC, "volumes": [{"name": "v", **source}]}


HTTP, TCP = {"path": "/", "port": 80}, {"port": 80}
ELSEWHERE = "169.254.169.254"
OWN, INIT, LIFE = "containers[0].securityContext", "initContainers[0].securityContext", "containers[0].lifecycle"

BASELINE: dict[str, Object] = {
    "hostNetwork": {**SPEC, "hostNetwork": True},
    "hostPID": {**SPEC, "hostPID": True},
    "hostIPC": {**SPEC, "hostIPC": True},
    f"{OWN}.privileged": context(privileged=True, allowPrivilegeEscalation=True),
    f"{INIT}.privileged": before(privileged=True, allowPrivilegeEscalation=True),
    f"{OWN}.capabilities.add": context(capabilities={"add": ["NET_RAW"], "drop": ["ALL"]}),
    f"{INIT}.capabilities.add": before(capabilities={"add": ["SYS_ADMIN"], "drop": ["ALL"]}),
    "volumes[0].hostPath": volume(hostPath={"path": "/"}),
    "containers[0].ports[0].hostPort": container(ports=[{"containerPort": 80, "hostPort": 80}]),
    "containers[0].livenessProbe.httpGet.host": container(livenessProbe={"httpGet": {**HTTP, "host": ELSEWHERE}}),
    "containers[0].readinessProbe.httpGet.host": container(readinessProbe={"httpGet": {**HTTP, "host": ELSEWHERE}}),
    "containers[0].startupProbe.httpGet.host": container(startupProbe={"httpGet": {**HTTP, "host": ELSEWHERE}}),
    "containers[0].livenessProbe.tcpSocket.host": container(livenessProbe={"tcpSocket": {**TCP, "host": ELSEWHERE}}),
    "containers[0].readinessProbe.tcpSocket.host": container(readinessProbe={"tcpSocket": {**TCP, "host": ELSEWHERE}}),
    "containers[0].startupProbe.tcpSocket.host": container(startupProbe={"tcpSocket": {**TCP, "host": ELSEWHERE}}),
    f"{LIFE}.postStart.httpGet.host": container(lifecycle={"postStart": {"httpGet": {**HTTP, "host": ELSEWHERE}}}),
    f"{LIFE}.preStop.httpGet.host": container(lifecycle={"preStop": {"httpGet": {**HTTP, "host": ELSEWHERE}}}),
    f"{LIFE}.postStart.tcpSocket.host": container(lifecycle={"postStart": {"tcpSocket": {**TCP, "host": ELSEWHERE}}}),
    f"{LIFE}.preStop.tcpSocket.host": container(lifecycle={"preStop": {"tcpSocket": {**TCP, "host": ELSEWHERE}}}),
    "securityContext.appArmorProfile.type": pod(appArmorProfile={"type": "Unconfined"}),
    f"{OWN}.appArmorProfile.type": context(appArmorProfile={"type": "Unconfined"}),
    "securityContext.seLinuxOptions": pod(seLinuxOptions={"type": "spc_t"}),
    f"{OWN}.seLinuxOptions": context(seLinuxOptions={"user": "system_u"}),
    f"{INIT}.seLinuxOptions": before(seLinuxOptions={"role": "system_r"}),
    f"{OWN}.procMount": {**context(procMount="Unmasked"), "hostUsers": False},
    "securityContext.seccompProfile.type": pod(seccompProfile={"type": "Unconfined"}),
    f"{OWN}.seccompProfile.type": context(seccompProfile={"type": "Unconfined"}),
    "securityContext.sysctls[0]": pod(sysctls=[{"name": "kernel.msgmax", "value": "1"}]),
}
"""Pods that ``baseline`` forbids, by the one field of the spec for which it does."""

IN_BASELINE: dict[str, Object] = {
    "an ordinary pod": SPEC,
    "capabilities": context(capabilities={"add": ["CHOWN", "NET_BIND_SERVICE"], "drop": ["ALL"]}),
    "a probe of the pod": container(livenessProbe={"httpGet": {**HTTP, "host": ""}}, readinessProbe={"tcpSocket": TCP}),
    "AppArmor": pod(appArmorProfile={"type": "Localhost", "localhostProfile": "p"}),
    "SELinux": pod(seLinuxOptions={"type": "container_t", "level": "s0:c1,c2"}),
    "seccomp": pod(seccompProfile={"type": "Localhost", "localhostProfile": "p.json"}),
    "sysctls": pod(sysctls=[{"name": "net.ipv4.tcp_rmem", "value": "4096 87380 16777216"}]),
    "root": context(runAsUser=0, runAsNonRoot=False),
    "privilege escalation": context(allowPrivilegeEscalation=True),
    "a mask": context(procMount="Default"),
    "a port": container(ports=[{"containerPort": 80}]),
    "volumes": {
        **SPEC,
        "volumes": [
            {"name": "a", "nfs": {"server": "s", "path": "/p"}},
            {"name": "b", "secret": {"secretName": "s"}},
            {"name": "c", "emptyDir": {}},
            {"name": "d", "persistentVolumeClaim": {"claimName": "c"}},
        ],
    },
    "a part of a volume": {
        **container(volumeMounts=[{"name": "v", "mountPath": "/v", "subPath": "a/b"}]),
        "volumes": [{"name": "v", "emptyDir": {}}],
    },
}
"""Pods that ``baseline`` admits."""

RESTRICTED: dict[str, Object] = {
    "restricted volume types": volume(nfs={"server": "s", "path": "/p"}),
    "allowPrivilegeEscalation != false": context(allowPrivilegeEscalation=True),
    "runAsNonRoot != true": context(runAsNonRoot=False),
    "runAsUser=0": context(runAsUser=0),
    "seccompProfile": container(securityContext={**KEPT, "seccompProfile": None}),
    "unrestricted capabilities": context(capabilities={"add": ["CHOWN"], "drop": ["ALL"]}),
    "unrestricted capabilities, none dropped": context(capabilities={}),
}
"""Pods that ``restricted`` forbids and ``baseline`` does not, by the words of the API server."""

ACCOUNTS: dict[str, Object] = {
    "serviceAccountName": {**SPEC, "serviceAccountName": "deployer"},
    "serviceAccount": {**SPEC, "serviceAccount": "deployer"},
    "automountServiceAccountToken": {**SPEC, "automountServiceAccountToken": True},
    "volumes[0].projected.sources[0].serviceAccountToken": volume(
        projected={"sources": [{"serviceAccountToken": {"path": "token"}}]}
    ),
}
"""Pods that both standards admit, and that speak for a service account."""
