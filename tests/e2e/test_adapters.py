"""Serving only: a preset with adapters from a directory and from a registry."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
from tests.docker_registry import DockerRegistry
from tests.e2e.conftest import TIMEOUT, House, Quickstart, answer, ask

QUESTION = "Who built the airship Calluna?"
ANSWER = "Jonas Hartwell"
LOOPBACK = "sources: {allow: [127.0.0.0/8]}\n"


def from_directory(adapter: Path) -> str:
    """An adapter that lies on this machine."""
    return f"    - source: {{name: airships, volumeSource: {{hostPath: {{path: {adapter}}}}}}}\n"


def from_image(reference: str) -> str:
    """An adapter that lies in a registry."""
    return f"    - source: {{name: pulled, image: {reference}}}\n"


def push(quickstart: Quickstart, reference: str) -> None:
    """Put the quickstart's image where a registry has it."""
    layout = quickstart.adapter / "image"
    command = [sys.executable, "-m", "llmwright.artifacts", "push"]
    command += ["--layout", str(layout), "--reference", reference]
    subprocess.run(command, check=True, capture_output=True, env=quickstart.house.environ)


def test_base_and_adapters_answer_and_more_can_be_added(
    quickstart: Quickstart, open_registry: DockerRegistry, house: House
) -> None:
    one = "  adapters:\n" + from_directory(quickstart.adapter)
    house.ok("apply", "-f", house.serve(more=one))
    endpoint = house.ready()
    assert [model["id"] for model in ask(endpoint, "/v1/models").json()["data"]] == ["demo", "airships"]
    assert answer(endpoint, "airships", QUESTION) == ANSWER
    assert answer(endpoint, "demo", QUESTION) != ANSWER

    reference = f"{open_registry.host}/team/airships:1"
    push(quickstart, reference)
    house.write(LOOPBACK, "llmwright.yaml")
    file = house.serve(more=one + from_image(reference))
    assert house.ok("apply", "-f", file) == "workspace.kaito.sh/mine configured\n"
    endpoint = house.ready()
    assert house.get()["status"]["servedNames"] == ["demo", "airships", "pulled"]
    assert answer(endpoint, "airships", QUESTION) == ANSWER
    assert answer(endpoint, "pulled", QUESTION) == ANSWER
    assert answer(endpoint, "demo", QUESTION) != ANSWER
    refused = ask(endpoint, "/chat", {"prompt": QUESTION, "model": "nobody"})
    assert refused.status_code == httpx.codes.NOT_FOUND
    assert "airships" in refused.text


def test_a_registry_of_the_inside_must_be_allowed(
    quickstart: Quickstart, open_registry: DockerRegistry, house: House
) -> None:
    reference = f"{open_registry.host}/team/airships:2"
    push(quickstart, reference)
    file = house.serve(more="  adapters:\n" + from_image(reference))
    ran = house("apply", "-f", file)
    if ran.code == 0:
        ran = house("wait", "mine", "--for=condition=WorkspaceReady", TIMEOUT)
    assert ran.code != 0
    assert "sources.allow" in ran.err
    assert "Traceback" not in ran.err


def test_an_adapter_that_is_not_there_is_named(house: House) -> None:
    house.ok("apply", "-f", house.serve(more="  adapters:\n" + from_directory(house.work / "nowhere")))
    ran = house("wait", "mine", "--for=condition=WorkspaceReady", TIMEOUT)
    assert ran.code != 0
    assert str(house.work / "nowhere") in ran.err
    assert "Traceback" not in ran.err
