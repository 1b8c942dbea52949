"""A pod's parts that not everybody may have: each field of Pod Security ``baseline``, and service accounts."""

from __future__ import annotations

import pytest
from tests.support.pod_standards import ACCOUNTS, BASELINE, IN_BASELINE, RESTRICTED, SPEC

from llmwright.check.pod_rights import asked_by_pod

TOO_MUCH = {**BASELINE, **ACCOUNTS}
WINDOWS = {"securityContext": {"windowsOptions": {"hostProcess": True}}}


@pytest.mark.parametrize("path", TOO_MUCH)
def test_what_it_asks_for_is_named_by_its_field(path: str) -> None:
    ((found, what),) = asked_by_pod({"spec": TOO_MUCH[path]})
    assert found == f"spec.{path}"
    assert what


ORDINARY = {**IN_BASELINE, **RESTRICTED}


@pytest.mark.parametrize("name", ORDINARY)
def test_an_ordinary_pod_asks_for_nothing(name: str) -> None:
    assert list(asked_by_pod({"spec": ORDINARY[name]})) == []
    assert list(asked_by_pod({"spec": {**SPEC, "serviceAccountName": "default"}})) == []
    assert list(asked_by_pod({"spec": {**SPEC, "automountServiceAccountToken": False}})) == []


def test_of_annotations_and_windows() -> None:
    old = "container.apparmor.security.beta.kubernetes.io/c"
    assert [path for path, _ in asked_by_pod({"metadata": {"annotations": {old: "unconfined"}}})] == [
        f"metadata.annotations.{old}"
    ]
    assert list(asked_by_pod({"metadata": {"annotations": {old: "localhost/p"}}})) == []
    (asked,) = asked_by_pod({"spec": WINDOWS})
    assert asked[0] == "spec.securityContext.windowsOptions.hostProcess"


def test_an_odd_form_is_another_rules() -> None:
    odd = {"volumes": "x", "securityContext": [], "containers": [{"lifecycle": 3, "livenessProbe": {"httpGet": 1}}, 3]}
    assert list(asked_by_pod({"spec": odd, "metadata": 3})) == []


def test_a_name_that_is_no_text_is_none_of_those_that_are_harmless() -> None:
    pod = {"sysctls": [{"name": []}], "seLinuxOptions": {"type": ["spc_t"]}}
    container = {"securityContext": {"capabilities": {"add": [{"all": True}]}}}
    assert [path for path, _ in asked_by_pod({"spec": {"securityContext": pod, "containers": [container]}})] == [
        "spec.securityContext.seLinuxOptions",
        "spec.securityContext.sysctls[0]",
        "spec.containers[0].securityContext.capabilities.add",
    ]
