"""All objects of a role, put together."""

from __future__ import annotations

from typing import Any

import pytest
from core.tests.targets.kubernetes.support.rendered import render_input

from llmwright.targets.kubernetes.manifests import template_objects


def test_a_user_s_own_pod_keeps_its_spec_and_gets_label_affinity_and_tolerations() -> None:
    template: dict[str, Any] = {"metadata": {"labels": {"a": "b"}}, "spec": {
        "containers": [{"name": "c", "image": "i:1"}], "affinity": {"podAffinity": {}}, "tolerations": [{"key": "own"}],
    }}  # fmt: skip
    resource = {"labelSelector": {"matchLabels": {"apps": "x"}}}
    *_, workload = template_objects(render_input(inference={"template": template}, resource=resource), 2)
    assert workload["spec"]["replicas"] == 2
    pod = workload["spec"]["template"]
    assert pod["metadata"]["labels"] == {"a": "b", "kaito.sh/workspace": "ws"}
    assert pod["spec"]["containers"] == [{"name": "c", "image": "i:1"}]
    assert list(pod["spec"]["affinity"]) == ["nodeAffinity"]
    assert pod["spec"]["tolerations"][0] == {"key": "own"}
    assert template["spec"]["tolerations"] == [{"key": "own"}]


def test_a_workspace_without_a_template_has_no_template_objects() -> None:
    with pytest.raises(TypeError, match="ws has no template"):
        template_objects(render_input(), 1)
