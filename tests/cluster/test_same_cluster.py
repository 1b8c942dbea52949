"""Options that name a cluster mean the same to every verb, and a proposed command goes where its reader went."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
import yaml
from tests.cluster.support.workspaces import Workspaces
from tests.support.command import Ran, Run, in_this_process

from llmwright.testing.cluster import Cluster

pytestmark = pytest.mark.cluster

PROPOSED = re.compile(r"`(llmwright [^`]*)`|hint: (llmwright .*)")


@pytest.fixture
def run(plane: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs ``llmwright ARGUMENTS`` where the present context is a cluster that is away; ``prod`` is the real one."""
    access = yaml.safe_load(Path(plane.kubeconfig).read_text())
    real = access["contexts"][0]["context"]
    access["clusters"].append({"name": "away", "cluster": {"server": "https://127.0.0.1:1"}})
    access["contexts"] = [
        {"name": "prod", "context": {**real, "namespace": "models"}},
        {"name": "away", "context": {**real, "cluster": "away"}},
    ]
    access["current-context"] = "away"
    (tmp_path / "access").write_text(yaml.safe_dump(access))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "access"))
    return in_this_process(monkeypatch, capfd)


def proposed(ran: Ran) -> list[str]:
    return [found[1] or found[2] for found in PROPOSED.finditer(ran.err)]


def test_a_proposed_command_goes_to_the_same_cluster_and_namespace(workspaces: Workspaces, run: Run) -> None:
    workspaces.apply(workspaces.inference("quiet"))
    missing = run("describe", "nobody", "--context", "prod")
    assert proposed(missing) == ["llmwright get -A --context prod"]
    silent = run("logs", "quiet", "--context", "prod", "-n", "default")
    assert proposed(silent) == ["llmwright describe quiet --context prod -n default"]
    for ran in (missing, silent):
        pasted = run(*shlex.split(proposed(ran)[0])[1:])
        assert (pasted.code, "quiet" in pasted.out) == (0, True), pasted.err
    asked = run("chat", "quiet", "who?", "--context", "prod", "-n", "default")
    (wait,) = proposed(asked)
    assert wait == "llmwright wait quiet --for=condition=InferenceReady --timeout=10m --context prod -n default"
    # No node is there: a provisioner that rests after a failure is to try at once.
    workspaces.until("quiet", "ResourceReady", "False")
    rolled = run("rollout", "quiet", "--context", "prod", "-n", "default")
    assert (rolled.code, "configured" in rolled.out) == (0, True), (rolled.out, rolled.err)
    undone = run("rollout", "-n", "default", "undo", "quiet", "--context", "prod")
    assert proposed(undone) == ["llmwright rollout history quiet --context prod -n default"]


def test_what_was_bought_for_nobody_is_looked_for_in_the_cluster_that_is_named(run: Run) -> None:
    found = run("orphans", "--context", "prod", "-o", "json")
    assert found.code == bool(json.loads(found.out)), found.err
    away = run("orphans", "--context", "away")
    assert (away.code, "https://127.0.0.1:1 does not answer" in away.err) == (1, True)


def test_a_plan_asks_the_cluster_that_is_named(workspaces: Workspaces, run: Run, tmp_path: Path) -> None:
    wanted = workspaces.inference("asked", provisioner="karpenter", instanceType="Standard_NC24ads_A100_v4")
    (tmp_path / "asked.yaml").write_text(yaml.safe_dump(wanted))
    planned = run("plan", "-f", "asked.yaml", "--online", "--context", "prod", "-o", "json")
    findings = {each["about"]: each["state"] for each in json.loads(planned.out)["findings"]}
    assert findings["Karpenter"] == "ok", planned.out
    unknown = run("plan", "-f", "asked.yaml", "--online", "--context", "nowhere")
    assert (unknown.code, "has no context 'nowhere'" in unknown.err) == (2, True)


def test_labels_choose_workspaces_for_each_verb(workspaces: Workspaces, run: Run) -> None:
    for name in ("one", "two"):
        workspaces.node(f"{name}-node", name)
        wanted = workspaces.inference(name)
        wanted["metadata"]["labels"] = {"team": "search"}
        workspaces.apply(wanted)
    chosen = ("-l", "team=search", "-A", "--context", "prod")
    waited = run("wait", "--for=condition=Ready", "--timeout=60s", *chosen)
    assert sorted(waited.out.splitlines()) == [
        f"workspace.kaito.sh/{name} of default condition met" for name in ("one", "two")
    ], waited.err
    described = run("describe", *chosen).out
    assert [line.split()[-1] for line in described.splitlines() if line.startswith("Name: ")] == ["one", "two"]
    stopped = run("stop", *chosen).out.splitlines()
    assert stopped == [f"workspace.kaito.sh/{name} of default stopped" for name in ("one", "two")]
    assert "started" in run("start", "-l", "team=search", "-n", "default", "--context", "prod").out
    assert run("rollout", "-l", "team=search", "-n", "default", "--context", "prod").out.count("unchanged") == 2
    nobody = run("stop", "-l", "team=nobody", "--context", "prod")
    assert (nobody.code, nobody.err.splitlines()[0]) == (0, "no Workspaces with team=nobody in namespace models")
    for verb in ("stop", "start", "delete"):
        refused = run(verb, "-A", "--context", "prod")
        assert refused.code == 2, "not all of a cluster by two letters"
    gone = run("delete", *chosen)
    assert gone.out.splitlines() == [f'workspace.kaito.sh "{name}" of default deleted' for name in ("one", "two")]


def test_revisions_are_data_for_scripts(workspaces: Workspaces, run: Run) -> None:
    workspaces.node("kept-node", "revised")
    workspaces.apply(workspaces.inference("revised"))
    workspaces.until("revised", "Ready")
    listed = run("rollout", "history", "revised", "-o", "json", "--context", "prod", "-n", "default")
    (only,) = json.loads(listed.out)
    assert (only["number"], only["present"], only["wish"]["inference"]["preset"]["name"]) == (
        1, True, workspaces.inference("revised")["inference"]["preset"]["name"],
    )  # fmt: skip
