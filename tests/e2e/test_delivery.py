"""Tuning with ``output.image``: the adapter is pushed where the Workspace names an image, or nothing is trained."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.docker_registry import DockerRegistry
from tests.e2e.conftest import TIMEOUT, House, ask

WRONG = "wr0ng-pa55"
FILES = ("adapter_config.json", "adapter_model.safetensors")


def output(reference: str) -> str:
    """Where the adapter goes; nothing is served after it."""
    return f"  output: {{image: {reference}, imagePushSecret: unused}}\n  onSuccess: release\n"


def log_in(house: House, registry: DockerRegistry, password: str) -> str:
    """As ``docker login`` leaves it; the encoded credential."""
    token = base64.b64encode(f"{registry.USER}:{password}".encode()).decode()
    config = Path(house.environ["DOCKER_CONFIG"], "config.json")
    config.write_text(json.dumps({"auths": {registry.host: {"auth": token}}}))
    return token


def pull(house: House, reference: str, to: Path) -> None:
    """Get the image's content as another machine would."""
    command = [sys.executable, "-m", "llmwright.artifacts", "pull", "--reference", reference]
    command += ["--to", str(to), "--allow", "127.0.0.0/8"]
    subprocess.run(command, check=True, capture_output=True, env=house.environ)


def tuned(house: House, reference: str) -> Path:
    """Tune for a few steps and wait for the delivery; the results."""
    house.ok("apply", "-f", house.tune(steps=3, more=output(reference)))
    house.ok("wait", "mine", "--for=condition=WorkspaceSucceeded", TIMEOUT)
    assert house.get()["status"]["output"] == reference
    return house.folder() / "volumes" / "results"


def test_pushed_and_later_served_without_tuning_again(
    open_registry: DockerRegistry, house: House, tmp_path: Path
) -> None:
    reference = f"{open_registry.host}/team/mine:1"
    results = tuned(house, reference)
    pull(house, reference, tmp_path / "pulled")
    for name in FILES:
        assert (tmp_path / "pulled" / name).read_bytes() == (results / name).read_bytes()
    house.comes_to_rest()

    file = house.tune(steps=3, more=output(reference).replace("release", "serve"))
    assert house.ok("apply", "-f", file) == "workspace.kaito.sh/mine configured\n"
    models = ask(house.ready(), "/v1/models").json()["data"]
    assert [model["id"] for model in models] == ["demo", "mine"]
    assert house.log("tuning.tune").count("training: step 0") == 1


def test_pushed_with_the_users_own_login(closed_registry: DockerRegistry, house: House, tmp_path: Path) -> None:
    reference = f"{closed_registry.host}/team/mine:1"
    token = log_in(house, closed_registry, closed_registry.PASSWORD)
    results = tuned(house, reference)
    pull(house, reference, tmp_path / "pulled")
    assert (tmp_path / "pulled" / FILES[1]).read_bytes() == (results / FILES[1]).read_bytes()
    assert_nowhere(house, closed_registry.PASSWORD, token)


@pytest.mark.parametrize("verb", ["run", "apply"])
def test_a_wrong_password_is_told_before_training(verb: str, closed_registry: DockerRegistry, house: House) -> None:
    reference = f"{closed_registry.host}/team/mine:2"
    token = log_in(house, closed_registry, WRONG)
    file = house.tune(steps=3, more=output(reference))
    if verb == "run":
        ran = house("run", file, "--exit")
    else:
        house.ok("apply", "-f", file)
        ran = house("wait", "mine", "--for=condition=WorkspaceReady", TIMEOUT)
        stalled, preflight = house.condition("Stalled"), house.condition("PreflightSucceeded")
        assert (stalled["status"], preflight["status"]) == ("True", "False")
        assert closed_registry.host in preflight["message"]
    assert ran.code == 2
    assert closed_registry.host in ran.err
    assert "Traceback" not in ran.err
    assert not (house.folder() / "logs" / "tuning.tune.log").exists()
    assert WRONG not in ran.told
    assert token not in ran.told
    assert_nowhere(house, WRONG, token)


def assert_nowhere(house: House, *secrets: str) -> None:
    """None of them stands in a file of the state directory."""
    files = [path for path in house.state.rglob("*") if path.is_file()]
    assert files
    for path in files:
        content = path.read_bytes()
        assert not [secret for secret in secrets if secret.encode() in content], path
