"""A template asks for nothing that its author could not have by an ordinary pod."""

from __future__ import annotations

from typing import Any

import pytest

from llmwright.api.workspace import Workspace
from llmwright.check.admission import check_workspace
from llmwright.check.check_input import CheckInput
from llmwright.check.facts import PolicyFacts

CONTAINER = {"name": "c", "image": "nginx:1"}


def workspace(spec: dict[str, Any], **template: Any) -> Workspace:
    return Workspace.model_validate(
        {
            "apiVersion": "kaito.sh/v1beta1",
            "kind": "Workspace",
            "metadata": {"name": "ws"},
            "resource": {"labelSelector": {"matchLabels": {"apps": "a"}}},
            "inference": {"template": {"spec": {"containers": [CONTAINER], **spec}, **template}},
        }
    )


def asked(written: Workspace, *, allowed: bool = False, old: Workspace | None = None) -> list[str]:
    inputs = CheckInput(written=written, old=old, policy=PolicyFacts(privileged_templates=allowed))
    found = [problem for problem in check_workspace(inputs) if problem.reason == "PrivilegedTemplate"]
    assert all(problem.severity == "error" for problem in found)
    return [problem.path.removeprefix("inference.template.spec.") for problem in found]


def of(**parts: Any) -> dict[str, Any]:
    return {"containers": [{**CONTAINER, **parts}]}


TOO_MUCH: dict[str, dict[str, Any]] = {
    "hostNetwork": {"hostNetwork": True},
    "hostPID": {"hostPID": True},
    "hostIPC": {"hostIPC": True},
    "volumes[0].hostPath": {"volumes": [{"name": "v", "hostPath": {"path": "/"}}]},
    "containers[0].securityContext.privileged": of(securityContext={"privileged": True}),
    "containers[0].securityContext.capabilities.add": of(securityContext={"capabilities": {"add": ["SYS_ADMIN"]}}),
    "containers[0].securityContext.procMount": of(securityContext={"procMount": "Unmasked"}),
    "containers[0].ports[0].hostPort": of(ports=[{"containerPort": 80, "hostPort": 80}]),
    "initContainers[0].securityContext.privileged": {
        "initContainers": [{**CONTAINER, "name": "i", "securityContext": {"privileged": True}}]
    },
    "securityContext.seccompProfile.type": {"securityContext": {"seccompProfile": {"type": "Unconfined"}}},
    "securityContext.sysctls[0]": {"securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}},
    "securityContext.seLinuxOptions": {"securityContext": {"seLinuxOptions": {"type": "spc_t"}}},
}


@pytest.mark.parametrize("path", TOO_MUCH)
def test_what_a_template_may_not_ask_for(path: str) -> None:
    written = workspace(TOO_MUCH[path])
    assert asked(written) == [path]
    assert asked(written, allowed=True) == []


def test_an_ordinary_pod_asks_for_nothing() -> None:
    context = {"capabilities": {"add": ["CHOWN"], "drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"}}
    assert asked(workspace(of(securityContext=context, ports=[{"containerPort": 80}]))) == []


def test_an_edit_may_not_add_it_and_what_was_accepted_before_can_be_edited() -> None:
    ordinary, privileged = workspace({}), workspace({"hostPID": True})
    assert asked(privileged, old=ordinary) == ["hostPID"]
    assert asked(privileged, old=privileged) == []


def test_an_odd_form_is_another_rules() -> None:
    assert asked(workspace({"volumes": "x", "securityContext": [], "containers": [CONTAINER, 3]})) == []
