"""The API server in memory answers as the real one does: each law holds for both."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from tests.simulation.in_threads import ServerInThreads
from tests.support.waiting import wait_until

from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_errors import ApiError
from llmwright.targets.kubernetes.cluster.api_resources import CONFIG_MAPS, JOBS, SERVICES, STATEFULSETS
from llmwright.targets.kubernetes.cluster.kubeconfig import connect

NAMESPACE = "default"


@pytest.fixture(params=["memory", pytest.param("real", marks=pytest.mark.cluster)])
def api(request: pytest.FixtureRequest) -> Api:
    if request.param == "real":
        return connect(request.getfixturevalue("plane").kubeconfig)
    return ServerInThreads().api()


@pytest.fixture
def name() -> str:
    return f"law-{uuid.uuid4().hex[:8]}"


def config_map(name: str, *, labels: dict[str, str] | None = None, **data: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": NAMESPACE, **({"labels": labels} if labels else {})}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def statefulset(name: str, *, image: str = "a", replicas: int = 0, **spec: Any) -> dict[str, Any]:
    labels = {"app": name}
    container = {"name": "main", "image": image}
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "replicas": replicas,
            "serviceName": name,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            **spec,
        },
    }


def code_of(call: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(ApiError) as caught:
        call()
    return caught.value.code, caught.value.reason


def test_what_is_not_there_is_not_found(api: Api, name: str) -> None:
    assert code_of(lambda: api.get(CONFIG_MAPS, NAMESPACE, name)) == (404, "NotFound")
    assert code_of(lambda: api.merge(CONFIG_MAPS, NAMESPACE, name, {"data": {}})) == (404, "NotFound")
    assert api.find(CONFIG_MAPS, NAMESPACE, name) is None
    api.delete(CONFIG_MAPS, NAMESPACE, name)


def test_a_name_is_created_once(api: Api, name: str) -> None:
    made = api.create(CONFIG_MAPS, config_map(name, a="1"))
    assert made["metadata"]["uid"]
    assert code_of(lambda: api.create(CONFIG_MAPS, config_map(name))) == (409, "AlreadyExists")
    assert api.get(CONFIG_MAPS, NAMESPACE, name)["data"] == {"a": "1"}


def test_apply_makes_changes_and_takes_back_what_it_names_no_more(api: Api, name: str) -> None:
    first = api.apply(CONFIG_MAPS, config_map(name, a="1", b="2"))
    second = api.apply(CONFIG_MAPS, config_map(name, b="3"))
    assert second["data"] == {"b": "3"}
    assert int(second["metadata"]["resourceVersion"]) > int(first["metadata"]["resourceVersion"])
    assert second["metadata"]["uid"] == first["metadata"]["uid"]


def test_applying_the_same_again_writes_nothing(api: Api, name: str) -> None:
    first = api.apply(CONFIG_MAPS, config_map(name, a="1"))
    second = api.apply(CONFIG_MAPS, config_map(name, a="1"))
    assert second["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


def test_what_others_wrote_stays_when_we_apply(api: Api, name: str) -> None:
    api.apply(CONFIG_MAPS, config_map(name, a="1"))
    api.merge(CONFIG_MAPS, NAMESPACE, name, {"data": {"theirs": "x"}})
    assert api.apply(CONFIG_MAPS, config_map(name, a="2"))["data"] == {"a": "2", "theirs": "x"}
    assert api.apply(CONFIG_MAPS, config_map(name))["data"] == {"theirs": "x"}


def test_apply_puts_back_what_others_changed_and_owns_it(api: Api, name: str) -> None:
    api.apply(CONFIG_MAPS, config_map(name, a="1"))
    api.merge(CONFIG_MAPS, NAMESPACE, name, {"data": {"a": "theirs"}})
    assert api.apply(CONFIG_MAPS, config_map(name, a="1"))["data"] == {"a": "1"}
    assert api.apply(CONFIG_MAPS, config_map(name)).get("data") in (None, {})


def test_items_of_keyed_lists_are_owned_one_by_one(api: Api, name: str) -> None:
    api.apply(STATEFULSETS, statefulset(name))
    env = {
        "spec": {"template": {"spec": {"containers": [{"name": "main", "image": "b"}, {"name": "x", "image": "x"}]}}}
    }
    api.merge(STATEFULSETS, NAMESPACE, name, env)
    after = api.apply(STATEFULSETS, statefulset(name, image="c"))
    containers = after["spec"]["template"]["spec"]["containers"]
    assert {container["name"]: container["image"] for container in containers} == {"main": "c", "x": "x"}


def test_generation_counts_changes_of_the_spec_alone(api: Api, name: str) -> None:
    made = api.apply(STATEFULSETS, statefulset(name))
    assert made["metadata"]["generation"] == 1
    labelled = api.merge(STATEFULSETS, NAMESPACE, name, {"metadata": {"labels": {"a": "b"}}})
    assert labelled["metadata"]["generation"] == 1
    assert api.merge(STATEFULSETS, NAMESPACE, name, {"spec": {"replicas": 1}})["metadata"]["generation"] == 2


def test_the_status_is_written_by_itself(api: Api, name: str) -> None:
    api.apply(SERVICES, service(name))
    status = {"conditions": [condition("Seen")]}
    api.merge(SERVICES, NAMESPACE, name, {"status": status}, "status")
    after = api.merge(SERVICES, NAMESPACE, name, {"metadata": {"labels": {"a": "b"}}, "status": {"conditions": None}})
    assert [condition["type"] for condition in after["status"]["conditions"]] == ["Seen"]


def service(name: str) -> dict[str, Any]:
    ports = [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 5000}]
    spec = {"clusterIP": "None", "ports": ports, "selector": {"app": name}}
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def condition(kind: str) -> dict[str, Any]:
    moment = "2026-01-01T00:00:00Z"
    return {"type": kind, "status": "True", "reason": "Test", "message": "", "lastTransitionTime": moment}


def test_a_write_to_an_old_version_is_a_conflict(api: Api, name: str) -> None:
    made = api.create(CONFIG_MAPS, config_map(name, a="1"))
    api.merge(CONFIG_MAPS, NAMESPACE, name, {"data": {"a": "2"}})
    old = {"metadata": {"resourceVersion": made["metadata"]["resourceVersion"]}, "data": {"a": "3"}}
    assert code_of(lambda: api.merge(CONFIG_MAPS, NAMESPACE, name, old)) == (409, "Conflict")
    assert code_of(lambda: api.replace(CONFIG_MAPS, {**made, "data": {}})) == (409, "Conflict")


def test_a_finalizer_holds_an_object_until_it_is_taken_off(api: Api, name: str) -> None:
    body = config_map(name)
    body["metadata"]["finalizers"] = ["llmwright.io/test"]
    api.create(CONFIG_MAPS, body)
    api.delete(CONFIG_MAPS, NAMESPACE, name)
    held = api.get(CONFIG_MAPS, NAMESPACE, name)
    assert held["metadata"]["deletionTimestamp"]
    api.merge(CONFIG_MAPS, NAMESPACE, name, {"metadata": {"finalizers": None}})
    assert api.find(CONFIG_MAPS, NAMESPACE, name) is None


def test_deleting_another_objects_uid_leaves_this_one(api: Api, name: str) -> None:
    api.create(CONFIG_MAPS, config_map(name))
    api.delete(CONFIG_MAPS, NAMESPACE, name, uid="00000000-0000-0000-0000-000000000000")
    assert api.find(CONFIG_MAPS, NAMESPACE, name) is not None


def test_a_field_that_is_fixed_is_refused(api: Api, name: str) -> None:
    api.apply(STATEFULSETS, statefulset(name))
    assert code_of(lambda: api.apply(STATEFULSETS, statefulset(name, serviceName="other"))) == (422, "Invalid")
    job = _job(name)
    api.apply(JOBS, job)
    job["spec"]["template"]["spec"]["containers"][0]["image"] = "other"
    assert code_of(lambda: api.apply(JOBS, job)) == (422, "Invalid")
    api.delete(JOBS, NAMESPACE, name)


def _job(name: str) -> dict[str, Any]:
    pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "a"}]}
    spec = {"template": {"spec": pod}, "suspend": True}
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


def test_what_an_owner_leaves_behind_is_collected(api: Api, name: str) -> None:
    owner = api.create(CONFIG_MAPS, config_map(name))
    child = config_map(f"{name}-child")
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": owner["metadata"]["uid"]}
    child["metadata"]["ownerReferences"] = [reference]
    api.create(CONFIG_MAPS, child)
    assert api.find(CONFIG_MAPS, NAMESPACE, f"{name}-child") is not None
    api.delete(CONFIG_MAPS, NAMESPACE, name)
    wait_until(lambda: api.find(CONFIG_MAPS, NAMESPACE, f"{name}-child") is None, "the child is collected")


def test_a_list_comes_in_pages_and_names_its_version(api: Api, name: str) -> None:
    for number in range(3):
        api.create(CONFIG_MAPS, config_map(f"{name}-{number}", labels={"law": name}))
    query = {"labelSelector": f"law={name}", "limit": "2"}
    first = api.page(CONFIG_MAPS, query)
    rest = api.page(CONFIG_MAPS, {**query, "continue": first["metadata"]["continue"]})
    assert [item["metadata"]["name"] for item in (*first["items"], *rest["items"])] == [f"{name}-{n}" for n in range(3)]
    assert int(first["metadata"]["resourceVersion"]) > 0
    bare = api.page(CONFIG_MAPS, {"labelSelector": f"law={name}"}, metadata_only=True)
    assert all("data" not in item and item["metadata"]["uid"] for item in bare["items"])


def test_a_watch_tells_what_comes_moves_and_goes(api: Api, name: str) -> None:
    version = api.page(CONFIG_MAPS, {"labelSelector": f"law={name}"})["metadata"]["resourceVersion"]
    events: list[tuple[str, Any]] = []

    def follow() -> None:
        query = {"labelSelector": f"law={name}", "resourceVersion": version, "timeoutSeconds": "3"}
        told = (event for event in api.watch(CONFIG_MAPS, query) if event["type"] != "BOOKMARK")
        events.extend((event["type"], event["object"].get("data")) for event in told)

    follower = threading.Thread(target=follow)
    follower.start()
    api.create(CONFIG_MAPS, config_map(f"{name}-other"))
    api.create(CONFIG_MAPS, config_map(name, labels={"law": name}, a="1"))
    api.merge(CONFIG_MAPS, NAMESPACE, name, {"data": {"a": "2"}})
    api.merge(CONFIG_MAPS, NAMESPACE, name, {"metadata": {"labels": {"law": "another"}}})
    api.merge(CONFIG_MAPS, NAMESPACE, name, {"metadata": {"labels": {"law": name}}})
    api.delete(CONFIG_MAPS, NAMESPACE, name)
    follower.join(30)
    kinds = ["ADDED", "MODIFIED", "DELETED", "ADDED", "DELETED"]
    assert [kind for kind, _ in events] == kinds
    assert [data for _, data in events][:2] == [{"a": "1"}, {"a": "2"}]


def test_kinds_are_listed_by_group_and_version(api: Api) -> None:
    listed = {entry["kind"]: entry["name"] for entry in api.kinds("apps/v1") if "/" not in entry["name"]}
    assert listed["StatefulSet"] == "statefulsets"
    assert api.kinds("nobody.example/v1") == []


def test_a_watch_from_before_the_history_has_expired(name: str) -> None:
    server = ServerInThreads()
    api = server.api()
    api.create(CONFIG_MAPS, config_map(name))
    server.do(lambda storage: storage.compact())
    (event,) = api.watch(CONFIG_MAPS, {"resourceVersion": "1"})
    assert (event["type"], event["object"]["code"]) == ("ERROR", 410)
