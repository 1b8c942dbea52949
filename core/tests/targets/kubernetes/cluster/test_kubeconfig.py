"""Which cluster, context and namespace are meant."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kubernetes import config as client_config

from llmwright.errors import ConfigError
from llmwright.targets.kubernetes.cluster import kubeconfig
from llmwright.targets.kubernetes.cluster.kubeconfig import connect, context_name, own_namespace


def test_the_operators_own_namespace_is_its_pods_or_its_contexts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config: dict[str, Any] = {
        "contexts": [{"name": "it", "context": {"cluster": "c", "user": "u", "namespace": "models"}}]
    }
    config |= {"clusters": [{"name": "c", "cluster": {"server": "http://here"}}], "users": [{"name": "u", "user": {}}]}
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps({**config, "current-context": "it"}))
    assert own_namespace(file) == "models"
    assert own_namespace(tmp_path / "nothing") == "default"
    told = tmp_path / "namespace"
    told.write_text("llmwright-system\n")
    monkeypatch.setattr(kubeconfig, "NAMESPACE_FILE", told)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.delenv("KUBECONFIG", raising=False)
    assert own_namespace() == "llmwright-system"
    assert own_namespace(file) == "models"


CLUSTER = "{name: k, cluster: {server: 'https://127.0.0.1:1', %s}}"
KUBECONFIG = """
current-context: c
contexts: [{name: c, context: {cluster: k, user: u}}]
clusters: [%s]
users: [{name: u, user: {%s}}]
"""


@pytest.mark.parametrize(
    "text",
    [
        "[",
        "}",
        '"\0"',
        "contexts: [8]",
        "{current-context: c, contexts: [{name: c, context: 0}]}",
        KUBECONFIG % (CLUSTER % "certificate-authority-data: eA==", ""),
        KUBECONFIG % (CLUSTER % "certificate-authority-data: [x]", ""),
        KUBECONFIG % ("{name: k, cluster: {server: 0}}", ""),
        KUBECONFIG % (CLUSTER % "", "client-certificate-data: al"),
        KUBECONFIG % (CLUSTER % "", "client-certificate-data: eA==, client-key-data: eA=="),
    ],
)
def test_a_damaged_kubeconfig_is_one_error(tmp_path: Path, text: str) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"no cluster can be reached: .*damaged") as refused:
        connect(file)
    assert refused.value.reason == "NoCluster"


def test_a_context_may_be_named(tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    cluster = {"name": "k", "cluster": {"server": "http://127.0.0.1:1"}}
    named = [{"name": each, "context": {"cluster": "k", "user": "u", "namespace": f"of-{each}"}} for each in "ab"]
    users = [{"name": "u", "user": {}}]
    file.write_text(json.dumps({"contexts": named, "clusters": [cluster], "users": users, "current-context": "a"}))
    assert (context_name(file), own_namespace(file)) == ("a", "of-a")
    assert (context_name(file, "b"), own_namespace(file, "b")) == ("b", "of-b")
    assert connect(file, "b").configuration.host == "http://127.0.0.1:1"
    with pytest.raises(ConfigError, match="no cluster can be reached"):
        connect(file, "c")


@pytest.mark.parametrize("present", [{}, {"current-context": ""}, {"current-context": "gone"}])
def test_a_context_may_be_named_where_none_is_the_present_one(tmp_path: Path, present: dict[str, str]) -> None:
    file = tmp_path / "kubeconfig"
    cluster = {"name": "k", "cluster": {"server": "http://127.0.0.1:1"}}
    named = [{"name": "a", "context": {"cluster": "k", "user": "u", "namespace": "of-a"}}]
    users = [{"name": "u", "user": {}}]
    file.write_text(json.dumps({"contexts": named, "clusters": [cluster], "users": users, **present}))
    assert connect(file, "a").configuration.host == "http://127.0.0.1:1"
    assert own_namespace(file, "a") == "of-a"
    with pytest.raises(ConfigError, match="has no context 'aa'"):
        connect(file, "aa")


def test_what_a_kubeconfig_lacks_is_said_with_what_it_has(tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    with pytest.raises(ConfigError, match=r"there is no kubeconfig .*/kubeconfig") as refused:
        connect(file)
    assert "--kubeconfig" in refused.value.hint
    file.write_text(KUBECONFIG % (CLUSTER % "", "token: t"))
    with pytest.raises(ConfigError, match="has no context 'cc'") as refused:
        connect(file, "cc")
    assert refused.value.hint == "did you mean 'c'? `kubectl config get-contexts` lists all"


def test_a_login_program_that_fails_is_named(tmp_path: Path) -> None:
    """The client itself would go on without a login, and be refused as system:anonymous."""
    file = tmp_path / "kubeconfig"
    login = "exec: {apiVersion: client.authentication.k8s.io/v1, command: no-such-login, interactiveMode: Never}"
    file.write_text(KUBECONFIG % (CLUSTER % "", login))
    with pytest.raises(ConfigError, match=r"the login that the kubeconfig names fails: .*no-such-login") as refused:
        connect(file)
    assert refused.value.reason == "LoginFailed"


def test_an_error_that_another_thread_logs_meanwhile_is_no_failed_login(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(**named: Any) -> None:
        thread = threading.Thread(target=lambda: logging.getLogger().error("the disk of another is full"))
        thread.start()
        thread.join()
        logging.getLogger("acme").error("nor has this to do with it")
        loads(**named)

    loads: Callable[..., None] = client_config.load_kube_config
    monkeypatch.setattr(client_config, "load_kube_config", load)
    file = tmp_path / "kubeconfig"
    file.write_text(KUBECONFIG % (CLUSTER % "", "token: t"))
    assert connect(file).configuration.host == "https://127.0.0.1:1"
