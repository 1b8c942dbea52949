"""Commands that messages propose go where their reader is, and say no more than they must."""

from __future__ import annotations

import pytest

from llmwright.values.same_place import SamePlace, cluster_options

PROD = SamePlace(cluster=cluster_options("/etc/my config", "prod"), namespace="models")


@pytest.mark.parametrize(
    ("place", "namespace", "command"),
    [
        (SamePlace(), None, "llmwright get mine"),
        (SamePlace(), "default", "llmwright get mine"),
        (SamePlace(), "models", "llmwright get mine -n models"),
        (SamePlace(target="local"), "default", "llmwright get mine --target local"),
        (SamePlace("kubectl llmwright"), "models", "kubectl llmwright get mine -n models"),
        (PROD, "models", "llmwright get mine --kubeconfig '/etc/my config' --context prod"),
        (PROD, "default", "llmwright get mine --kubeconfig '/etc/my config' --context prod -n default"),
        # Either of them means a cluster.
        (SamePlace(target="kubernetes", cluster=("--context", "prod")), None, "llmwright get mine --context prod"),
    ],
)
def test_a_command_has_the_options_that_lead_to_the_same_place(
    place: SamePlace, namespace: str | None, command: str
) -> None:
    assert place.command("get mine", namespace) == command


def test_kubectl_has_the_options_of_the_cluster_alone() -> None:
    assert SamePlace(target="kubernetes").kubectl("get pods") == "kubectl get pods"
    assert PROD.kubectl("get pods", "other") == "kubectl get pods --kubeconfig '/etc/my config' --context prod -n other"
