"""The operator's rights: as few as it needs."""

from __future__ import annotations

from llmwright.targets.kubernetes.operator.rbac import cluster_role


def test_of_leases_it_may_change_its_own_alone() -> None:
    rules = [rule for rule in cluster_role()["rules"] if "leases" in rule["resources"]]
    named = [rule for rule in rules if rule.get("resourceNames") == ["llmwright-operator"]]
    assert [rule["verbs"] for rule in named] == [["get", "update"]]
    assert [rule["verbs"] for rule in rules if rule not in named] == [["create"]]


def test_it_reads_no_secrets() -> None:
    for rule in cluster_role(webhook=True)["rules"]:
        assert not {"secrets", "*"} & {*rule["resources"]}
