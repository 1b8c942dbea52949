"""References in commands and in the environment."""

from __future__ import annotations

from dataclasses import replace

from core.tests.targets.kubernetes.support.rendered import SERVER, container, serving

from llmwright.values.launch import SecretKey


def test_our_references_are_filled_in_and_other_dollars_are_escaped() -> None:
    main = replace(SERVER.main, argv=(*SERVER.main.argv, "$(HOME)"), env={"A": "$(volume.dshm)/$(PATH)"})
    rendered = container(serving(replace(SERVER, main=main)))
    assert rendered["command"] == ["python3", "-m", "server", "--port", "5000", "--host", "0.0.0.0", "$$(HOME)"]
    assert {"name": "A", "value": "/dev/shm/$$(PATH)"} in rendered["env"]


def test_secrets_are_references_and_the_address_comes_from_the_pod() -> None:
    env: dict[str, str | SecretKey] = {
        "KEY": SecretKey("s", "k"),
        "MUST": SecretKey("s", "k", optional=False),
        "HERE": "$(address)",
    }
    rendered = container(serving(replace(SERVER, main=replace(SERVER.main, env=env))))
    assert {variable["name"]: variable["valueFrom"] for variable in rendered["env"] if "valueFrom" in variable} == {
        "KEY": {"secretKeyRef": {"name": "s", "key": "k", "optional": True}},
        "MUST": {"secretKeyRef": {"name": "s", "key": "k"}},
        "HERE": {"fieldRef": {"fieldPath": "status.podIP"}},
    }
