"""Tuning with ``output.image``: the adapter is pushed where the Workspace names an image, or nothing is trained."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.e2e.support.sandbox import TIMEOUT, Sandbox
from tests.e2e.support.served_model import request
from tests.support.docker_registry import DockerRegistry

WRONG = "wr0ng-pa55"
FILES = ("adapter_config.json", "adapter_model.safetensors")


def output(reference: str) -> str:
    """Where the adapter goes; nothing is served after it."""
    return f"  output: {{image: {reference}, imagePushSecret: unused}}\n  onSuccess: release\n"


def log_in(sandbox: Sandbox, registry: DockerRegistry, password: str) -> str:
    """As ``docker login`` leaves it; the encoded credential."""
    token = base64.b64encode(f"{registry.USER}:{password}".encode()).decode()
    config = Path(sandbox.environ["DOCKER_CONFIG"], "config.json")
    config.write_text(json.dumps({"auths": {registry.host: {"auth": token}}}))
    return token


def pull(sandbox: Sandbox, reference: str, to: Path) -> None:
    """Get the image's content as another machine would."""
    command = [sys.executable, "-m", "llmwright.artifacts", "pull", "--reference", reference]
    command += ["--to", str(to), "--allow", "127.0.0.0/8"]
    subprocess.run(command, check=True, capture_output=True, env=sandbox.environ)


def tuned(sandbox: Sandbox, reference: str) -> Path:
    """Tune for a few steps and wait for the delivery; the results."""
    sandbox.ok("apply", "-f", sandbox.tune(steps=3, more=output(reference)))
    sandbox.ok("wait", "mine", "--for=condition=WorkspaceSucceeded", TIMEOUT)
    assert sandbox.get()["status"]["output"] == reference
    return sandbox.folder() / "volumes" / "results"


def test_pushed_and_later_served_without_tuning_again(
    open_registry: DockerRegistry, sandbox: Sandbox, tmp_path: Path
) -> None:
    reference = f"{open_registry.host}/team/mine:1"
    results = tuned(sandbox, reference)
    pull(sandbox, reference, tmp_path / "pulled")
    for name in FILES:
        assert (tmp_path / "pulled" / name).read_bytes() == (results / name).read_bytes()
    sandbox.wait_until_idle()

    file = sandbox.tune(steps=3, more=output(reference).replace("release", "serve"))
    assert sandbox.ok("apply", "-f", file) == "workspace.kaito.sh/mine configured\n"
    models = request(sandbox.ready(), "/v1/models").json()["data"]
    assert [model["id"] for model in models] == ["demo", "mine"]
    assert sandbox.log("tuning.tune").count("training: step 0") == 1


def test_pushed_with_the_users_own_login(closed_registry: DockerRegistry, sandbox: Sandbox, tmp_path: Path) -> None:
    reference = f"{closed_registry.host}/team/mine:1"
    token = log_in(sandbox, closed_registry, closed_registry.PASSWORD)
    results = tuned(sandbox, reference)
    pull(sandbox, reference, tmp_path / "pulled")
    assert (tmp_path / "pulled" / FILES[1]).read_bytes() == (results / FILES[1]).read_bytes()
    assert_nowhere(sandbox, closed_registry.PASSWORD, token)


@pytest.mark.parametrize("verb", ["run", "apply"])
def test_a_wrong_password_is_an_error_before_training(
    verb: str, closed_registry: DockerRegistry, sandbox: Sandbox
) -> None:
    reference = f"{closed_registry.host}/team/mine:2"
    token = log_in(sandbox, closed_registry, WRONG)
    file = sandbox.tune(steps=3, more=output(reference))
    if verb == "run":
        result = sandbox.run("run", file, "--exit")
    else:
        sandbox.ok("apply", "-f", file)
        result = sandbox.run("wait", "mine", "--for=condition=WorkspaceReady", TIMEOUT)
        stalled, preflight = sandbox.condition("Stalled"), sandbox.condition("PreflightSucceeded")
        assert (stalled["status"], preflight["status"]) == ("True", "False")
        assert closed_registry.host in preflight["message"]
    assert result.code == 2
    assert closed_registry.host in result.err
    assert "Traceback" not in result.err
    assert not (sandbox.folder() / "logs" / "tuning.tune.log").exists()
    assert WRONG not in result.output
    assert token not in result.output
    assert_nowhere(sandbox, WRONG, token)


def assert_nowhere(sandbox: Sandbox, *secrets: str) -> None:
    """None of them stands in a file of the state directory."""
    files = [path for path in sandbox.state.rglob("*") if path.is_file()]
    assert files
    for path in files:
        content = path.read_bytes()
        assert not [secret for secret in secrets if secret.encode() in content], path
