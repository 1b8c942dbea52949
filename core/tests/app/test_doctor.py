"""What stands in the way here, and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmwright.app import examination
from llmwright.app.doctor import diagnose
from llmwright.app.session import Session
from llmwright.values.nodes import Finding


def found(session: Session) -> dict[str, Finding]:
    return {finding.about: finding for finding in diagnose(session)}


@pytest.fixture(autouse=True)
def _without_a_cluster(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(work / "none"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)


def test_an_installation_as_it_should_be_has_no_problem(work: Path) -> None:
    findings = found(Session())
    assert [finding.about for finding in findings.values() if finding.state == "problem"] == []
    assert findings["settings"].message == "no file; defaults"
    assert findings["provisioner local"].state == findings["hook presets"].state == "ok"
    assert findings["presets"].state == findings["state directory"].state == "ok"
    assert findings["cluster"].state == "unchecked"
    assert "KUBECONFIG" in findings["cluster"].hint


def test_settings_that_cannot_be_used_are_named_alone(work: Path) -> None:
    (work / "llmwright.yaml").write_text("provisonr: byo\n")
    findings = found(Session())
    assert [*findings] == ["settings"]
    assert findings["settings"].state == "problem"
    assert "provisonr" in findings["settings"].message


def test_settings_of_a_plugin_that_is_not_there_are_a_problem(work: Path) -> None:
    (work / "llmwright.yaml").write_text("plugins: {provisioner: {karpentr: {mode: nodepool}}}\n")
    findings = found(Session())
    assert "karpentr" in findings["settings"].message


def test_a_required_hook_that_is_not_there_is_a_problem(work: Path) -> None:
    (work / "llmwright.yaml").write_text("plugins: {required: [company-rules]}\n")
    assert "company-rules" in found(Session())["hooks"].message


def test_settings_that_a_driver_does_not_take_are_its_problem(work: Path) -> None:
    (work / "llmwright.yaml").write_text("plugins: {provisioner: {karpenter: {mode: sideways}}}\n")
    finding = found(Session())["provisioner karpenter"]
    assert finding.state == "problem"
    assert "mode" in finding.message


@pytest.mark.parametrize(
    ("settings", "state"),
    [
        ("{}", "unchecked"),
        ("provisioner: karpenter", "problem"),
        ("plugins: {provisioner: {karpenter: {}}}", "problem"),
    ],
)
def test_a_cloud_that_no_setting_names_stands_in_the_way_of_nobody(
    work: Path, monkeypatch: pytest.MonkeyPatch, settings: str, state: str
) -> None:
    (work / "llmwright.yaml").write_text(f"{settings}\n")
    problem = Finding(about="cloud", state="problem", message="no account is known", hint="log in")
    monkeypatch.setattr(examination, "asks_beforehand", lambda session, name: name == "karpenter")
    monkeypatch.setattr(examination, "examined", lambda *arguments: (problem,))
    assert found(Session())["cloud"].state == state


def test_a_blocked_plugin_is_not_checked(work: Path) -> None:
    assert found(Session(blocked=("karpenter",)))["provisioner karpenter"].state == "unchecked"


def test_a_state_directory_that_cannot_be_had_is_a_problem(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (work / "file").write_text("")
    monkeypatch.setenv("LLMWRIGHT_STATE_DIRECTORY", str(work / "file" / "below"))
    finding = found(Session())["state directory"]
    assert finding.state == "problem"
    assert "stateDirectory" in finding.hint


def test_a_kubeconfig_that_is_named_and_is_not_there_is_a_problem(work: Path) -> None:
    assert found(Session(kubeconfig=str(work / "nowhere")))["cluster"].state == "problem"


def test_a_target_is_asked_alone(work: Path) -> None:
    """This machine asks no cluster and no cloud; on a cluster no runtime has to be able to run here."""
    here, there = found(Session(chosen_target="local")), found(Session(chosen_target="kubernetes"))
    assert "state directory" in here
    assert not {"cluster", "Karpenter"} & {*here}
    assert there["cluster"].state == "problem"
    assert "state directory" not in there
    assert there["runtime ray"].state == "ok"


@pytest.mark.parametrize(("program", "state"), [("bin/vllm", "ok"), ("bin/absent", "unchecked")])
def test_a_runtime_with_a_program_of_its_own_can_run_where_that_is(work: Path, program: str, state: str) -> None:
    """It lies in an environment of its own, so no package beside this Python is asked for."""
    (work / "bin").mkdir()
    (work / "bin" / "vllm").write_text("#!/bin/sh\n")
    (work / "bin" / "vllm").chmod(0o755)
    (work / "llmwright.yaml").write_text(f"plugins: {{runtime: {{vllm: {{program: {work / program}}}}}}}\n")
    finding = found(Session())["runtime vllm"]
    assert finding.state == state
    assert state == "ok" or str(work / program) in finding.message
