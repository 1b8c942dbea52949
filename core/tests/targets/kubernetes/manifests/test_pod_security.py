"""Every container of a rendered pod runs without root, and can write where its programs do."""

from __future__ import annotations

from dataclasses import replace

import pytest
from core.tests.targets.kubernetes.support.rendered import NODES, SERVER, TUNING, pod, render_input, serving

from llmwright.targets.kubernetes.manifests import Manifest, preflight_objects, tuning_objects
from llmwright.targets.kubernetes.manifests.pod_security import HOME
from llmwright.values.launch import Launch, Mount, Process, Volume

STEP = Process(name="fetch", argv=("fetch",))
BESIDE = replace(SERVER, prepare=(STEP,), beside=(Process(name="route", argv=("route",)),))


def pods() -> dict[str, Manifest]:
    source = render_input(tuning=TUNING)
    steps = Launch(prepare=(STEP,), main=Process(name="tune", argv=("tune",)), after=(STEP,))
    return {
        "serving": pod(serving(BESIDE)),
        "tuning": pod(tuning_objects(source, steps, NODES)),
        "preflight": pod(preflight_objects(source, steps)),
    }


@pytest.mark.parametrize("role", ["serving", "tuning", "preflight"])
def test_every_container_keeps_the_standard_and_has_a_home(role: str) -> None:
    spec = pods()[role]
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["securityContext"]["runAsUser"] == spec["securityContext"]["fsGroup"] == 65532
    assert spec["automountServiceAccountToken"] is False
    for container in (*spec["initContainers"], *spec["containers"]):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
        assert (mounts[HOME], mounts["/tmp"]) == ("home", "tmp")
        assert {"name": "HOME", "value": HOME} in container["env"]
    assert {"name": "tmp", "emptyDir": {}} in spec["volumes"]


def test_what_a_driver_says_of_home_and_tmp_stands() -> None:
    main = replace(SERVER.main, env={"HOME": "/own"}, mounts=(*SERVER.main.mounts, Mount(volume="fast", path="/tmp")))
    spec = pod(serving(replace(SERVER, main=main, volumes=(*SERVER.volumes, Volume(name="fast")))))
    (container,) = spec["containers"]
    assert [one["value"] for one in container["env"] if one["name"] == "HOME"] == ["/own"]
    assert [one["name"] for one in container["volumeMounts"] if one["mountPath"] == "/tmp"] == ["fast"]
    assert "tmp" not in [volume["name"] for volume in spec["volumes"]]


def test_a_setting_turns_it_off() -> None:
    spec = pod(serving(settings={"pod_security": "none"}))
    assert "securityContext" not in spec
    assert "securityContext" not in spec["containers"][0]
    assert spec["automountServiceAccountToken"] is False


def test_an_overlay_turns_a_part_off() -> None:
    overlay = {
        "securityContext": {"runAsUser": 1234, "fsGroup": None},
        "containers": [{"name": "*", "securityContext": {"readOnlyRootFilesystem": None}}],
    }
    spec = pod(serving(BESIDE, settings={"pods": overlay}))
    assert spec["securityContext"]["runAsUser"] == 1234
    assert "fsGroup" not in spec["securityContext"]
    for container in (*spec["initContainers"], *spec["containers"]):
        assert "readOnlyRootFilesystem" not in container["securityContext"]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
