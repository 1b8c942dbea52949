"""The operator's rights: as few as it needs."""

from __future__ import annotations

from typing import Any

from llmwright.plugins.drivers import AccessRule
from llmwright.targets.kubernetes.operator.rbac import NAME, cluster_role, manifests, user_roles

Object = dict[str, Any]


def roles(objects: list[Object]) -> dict[tuple[str, str], list[Object]]:
    """The rules of each role by its kind and name."""
    return {(each["kind"], each["metadata"]["name"]): each["rules"] for each in objects if "rules" in each}


def test_of_leases_it_may_change_its_own_alone() -> None:
    found = roles(manifests("there", "account"))
    (rule,) = (rule for rule in found["Role", NAME] if "leases" in rule["resources"])
    assert (rule["resourceNames"], rule["verbs"]) == (["llmwright-operator"], ["get", "update"])
    elsewhere = [rule for (kind, _), rules in found.items() if kind == "ClusterRole" for rule in rules]
    assert not [rule for rule in elsewhere if "leases" in rule["resources"]]


def test_it_reads_no_secrets() -> None:
    for rule in cluster_role(webhook=True)["rules"]:
        assert not {"secrets", "*"} & {*rule["resources"]}


def test_it_makes_no_webhook_and_changes_its_own_alone() -> None:
    rules = [
        rule for rule in cluster_role(webhook=True)["rules"] if rule["resources"][0].startswith("validatingwebhook")
    ]
    changed = [rule["resourceNames"] for rule in rules if rule["verbs"] != ["get"]]
    assert changed == [["llmwright-admission"]]
    assert all(rule.get("resourceNames") for rule in rules)
    assert not any("create" in rule["verbs"] for rule in rules)
    made = [each for each in manifests("there", "account", webhook=True) if each["kind"].startswith("Validating")]
    assert [each["metadata"]["name"] for each in made] == ["llmwright-admission"]


def test_each_role_is_bound_to_the_account_and_drivers_add_to_one() -> None:
    objects = manifests("there", "account", [AccessRule("acme.example", ("machines",), ("get",))])
    bound = {
        (each["roleRef"]["kind"], each["roleRef"]["name"]): each["subjects"] for each in objects if "roleRef" in each
    }
    account = [{"kind": "ServiceAccount", "name": "account", "namespace": "there"}]
    people = {("ClusterRole", each["metadata"]["name"]) for each in user_roles()}
    assert bound == dict.fromkeys(roles(objects).keys() - people, account)
    assert {"apiGroups": ["acme.example"], "resources": ["machines"], "verbs": ["get"]} in roles(objects)[
        "ClusterRole", NAME
    ]


def test_people_read_and_write_workspaces_and_write_no_status() -> None:
    view, edit = user_roles()
    assert {verb for rule in view["rules"] for verb in rule["verbs"]} == {"get", "list", "watch"}
    writes = [rule for rule in edit["rules"] if "create" in rule["verbs"]]
    assert [rule["resources"] for rule in writes] == [["workspaces"]]
    assert {label.rpartition("-")[2] for label in edit["metadata"]["labels"]} == {"edit", "admin"}
