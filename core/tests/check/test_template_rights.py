"""A Workspace asks for nothing that the person who wrote it could not have by an ordinary pod."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.pod_standards import SPEC, volume

from llmwright.api.workspace import Workspace
from llmwright.check.admission import check_workspace
from llmwright.check.check_input import CheckInput
from llmwright.check.facts import PolicyFacts
from llmwright.errors import Problem
from llmwright.values.plan import Target

Object = dict[str, Any]

ABOUT = {"apiVersion": "kaito.sh/v1beta1", "kind": "Workspace", "metadata": {"name": "ws"}}
RESOURCE = {"resource": {"labelSelector": {"matchLabels": {"apps": "a"}}}}
NODE = {"hostPath": {"path": "/srv/models/one"}}
CLAIM = {"persistentVolumeClaim": {"claimName": "data"}}


def templated(spec: Object) -> Workspace:
    return Workspace.model_validate({**ABOUT, **RESOURCE, "inference": {"template": {"spec": spec}}})


def tuned(read: Object, written: Object = CLAIM) -> Workspace:
    parts = {"input": {"volumeSource": read}, "output": {"volumeSource": written}}
    return Workspace.model_validate({**ABOUT, **RESOURCE, "tuning": {"preset": {"name": "p"}, **parts}})


def adapted(*sources: Object) -> Workspace:
    adapters = [{"source": {"name": f"a{index}", "volumeSource": one}} for index, one in enumerate(sources)]
    return Workspace.model_validate({**ABOUT, **RESOURCE, "inference": {"preset": {"name": "p"}, "adapters": adapters}})


def problems(
    written: Workspace, *, old: Workspace | None = None, target: Target = "kubernetes", **policy: Any
) -> list[Problem]:
    facts = PolicyFacts(**{"privileged_templates": False, **policy})
    inputs = CheckInput(written=written, old=old, policy=facts, target=target)
    found = [problem for problem in check_workspace(inputs) if problem.reason.startswith("Privileged")]
    assert all(problem.severity == "error" for problem in found)
    return found


def asked(written: Workspace, **more: Any) -> list[str]:
    return [problem.path for problem in problems(written, **more)]


def test_a_template_may_not_ask_for_it_unless_it_is_allowed() -> None:
    written = templated({**SPEC, "hostPID": True, "serviceAccountName": "deployer"})
    refused = problems(written)
    assert [(one.path, one.reason) for one in refused] == [
        ("inference.template.spec.hostPID", "PrivilegedTemplate"),
        ("inference.template.spec.serviceAccountName", "PrivilegedTemplate"),
    ]
    assert all("setting privilegedTemplates" in one.hint for one in refused)
    assert problems(written, privileged_templates=True) == []
    assert problems(templated(SPEC)) == []


def test_an_edit_may_not_add_it_and_what_was_accepted_before_can_be_edited() -> None:
    ordinary, privileged = templated(SPEC), templated({**SPEC, "hostPID": True})
    assert asked(privileged, old=ordinary) == ["inference.template.spec.hostPID"]
    assert asked(privileged, old=privileged) == []


@pytest.mark.parametrize(
    ("written", "path"),
    [
        (tuned(NODE), "tuning.input.volumeSource.hostPath"),
        (tuned(CLAIM, NODE), "tuning.output.volumeSource.hostPath"),
        (adapted(CLAIM, NODE), "inference.adapters[1].source.volumeSource.hostPath"),
    ],
)
def test_no_volume_is_a_directory_of_the_node(written: Workspace, path: str) -> None:
    (problem,) = problems(written)
    assert (problem.path, problem.reason) == (path, "PrivilegedVolume")
    assert problem.message == "a Workspace may not ask for a directory of the node: /srv/models/one"
    assert "persistentVolumeClaim" in problem.hint
    assert "setting hostPaths" in problem.hint
    assert asked(written, privileged_templates=True) == []
    # On one machine it is a directory of the user's own.
    assert asked(written, target="local") == []


def test_no_volume_has_the_token_of_an_account() -> None:
    source = {"projected": {"sources": [{"secret": {"name": "s"}}, {"serviceAccountToken": {"path": "t"}}]}}
    (problem,) = problems(tuned(source))
    assert problem.path == "tuning.input.volumeSource.projected.sources[1].serviceAccountToken"
    assert "setting privilegedTemplates" in problem.hint


@pytest.mark.parametrize(
    ("path", "allowed", "is_allowed"),
    [
        ("/srv/models/one", ("/srv/models",), True),
        ("/srv/models", ("/srv/models/",), True),
        ("/srv/models/one", ("/data", "/srv"), True),
        ("/srv/models-of-others", ("/srv/models",), False),
        ("/srv", ("/srv/models",), False),
        ("/srv/models/../../etc", ("/srv/models",), False),
        ("//etc", ("/srv",), False),
        ("srv/models", ("/srv",), False),
    ],
)
def test_a_directory_that_all_may_use(path: str, allowed: tuple[str, ...], is_allowed: bool) -> None:
    source = {"hostPath": {"path": path}}
    place = "inference.template.spec.volumes[0].hostPath"
    assert asked(tuned(source), host_paths=allowed) == ([] if is_allowed else ["tuning.input.volumeSource.hostPath"])
    assert asked(templated(volume(**source)), host_paths=allowed) == ([] if is_allowed else [place])


def test_an_adapter_that_was_accepted_may_stay_where_others_come_and_go() -> None:
    old = adapted(NODE)
    assert asked(adapted(CLAIM, NODE), old=old) == []
    other = {"hostPath": {"path": "/etc"}}
    assert asked(adapted(other, NODE), old=old) == ["inference.adapters[0].source.volumeSource.hostPath"]


def test_an_odd_form_is_another_rules() -> None:
    odd: Object = {"volumes": "x", "securityContext": [], "containers": [3]}
    assert asked(templated(odd)) == []
    assert asked(tuned({"hostPath": 3})) == ["tuning.input.volumeSource.hostPath"]
