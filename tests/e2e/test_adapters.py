"""Serving only: a preset with adapters from a directory and from a registry."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
from tests.e2e.support.quickstart import QuickstartRun
from tests.e2e.support.sandbox import TIMEOUT, Sandbox
from tests.e2e.support.served_model import answer_of, request
from tests.support.docker_registry import DockerRegistry

QUESTION = "Who built the airship Calluna?"
ANSWER = "Jonas Hartwell"
LOOPBACK = "sources: {allow: [127.0.0.0/8]}\n"


def from_directory(adapter: Path) -> str:
    """An adapter that lies on this machine."""
    return f"    - source: {{name: airships, volumeSource: {{hostPath: {{path: {adapter}}}}}}}\n"


def from_image(reference: str) -> str:
    """An adapter that lies in a registry."""
    return f"    - source: {{name: pulled, image: {reference}}}\n"


def push(quickstart: QuickstartRun, reference: str) -> None:
    """Put the quickstart's image where a registry has it."""
    layout = quickstart.adapter / "image"
    command = [sys.executable, "-m", "llmwright.artifacts", "push"]
    command += ["--layout", str(layout), "--reference", reference]
    subprocess.run(command, check=True, capture_output=True, env=quickstart.sandbox.environ)


def test_base_and_adapters_answer_and_more_can_be_added(
    quickstart: QuickstartRun, open_registry: DockerRegistry, sandbox: Sandbox
) -> None:
    local = "  adapters:\n" + from_directory(quickstart.adapter)
    sandbox.ok("apply", "-f", sandbox.serve(more=local))
    endpoint = sandbox.ready()
    assert [model["id"] for model in request(endpoint, "/v1/models").json()["data"]] == ["demo", "airships"]
    assert answer_of(endpoint, "airships", QUESTION) == ANSWER
    assert answer_of(endpoint, "demo", QUESTION) != ANSWER

    reference = f"{open_registry.host}/team/airships:1"
    push(quickstart, reference)
    sandbox.write(LOOPBACK, "llmwright.yaml")
    file = sandbox.serve(more=local + from_image(reference))
    assert sandbox.ok("apply", "-f", file) == "workspace.kaito.sh/mine configured\n"
    endpoint = sandbox.ready()
    assert sandbox.get()["status"]["servedNames"] == ["demo", "airships", "pulled"]
    assert answer_of(endpoint, "airships", QUESTION) == ANSWER
    assert answer_of(endpoint, "pulled", QUESTION) == ANSWER
    assert answer_of(endpoint, "demo", QUESTION) != ANSWER
    refused = request(endpoint, "/chat", {"prompt": QUESTION, "model": "nobody"})
    assert refused.status_code == httpx.codes.NOT_FOUND
    assert "airships" in refused.text


def test_a_registry_of_the_inside_must_be_allowed(
    quickstart: QuickstartRun, open_registry: DockerRegistry, sandbox: Sandbox
) -> None:
    reference = f"{open_registry.host}/team/airships:2"
    push(quickstart, reference)
    file = sandbox.serve(more="  adapters:\n" + from_image(reference))
    result = sandbox.run("apply", "-f", file)
    if result.code == 0:
        result = sandbox.run("wait", "mine", "--for=condition=WorkspaceReady", TIMEOUT)
    assert result.code != 0
    assert "sources.allow" in result.err
    assert "Traceback" not in result.err


def test_an_adapter_that_is_not_there_is_named(sandbox: Sandbox) -> None:
    sandbox.ok("apply", "-f", sandbox.serve(more="  adapters:\n" + from_directory(sandbox.work / "nowhere")))
    result = sandbox.run("wait", "mine", "--for=condition=WorkspaceReady", TIMEOUT)
    assert result.code != 0
    assert str(sandbox.work / "nowhere") in result.err
    assert "Traceback" not in result.err
