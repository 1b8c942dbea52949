"""The verbs of the command line on a real API server: the same as on one machine, with kubectl's options."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from tests.cluster.support.kubelet import Kubelet, waits
from tests.cluster.support.workspaces import INSTANCE_TYPE, Workspaces
from tests.support.command import Ran, in_this_process
from tests.support.waiting import wait_until

from llmwright.testing.cluster import Cluster

pytestmark = pytest.mark.cluster

Command = Callable[..., Ran]


@pytest.fixture
def command(
    plane: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Command:
    """Runs ``llmwright ARGUMENTS`` on the cluster."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("LLMWRIGHT_TARGET", "kubernetes")
    monkeypatch.setenv("KUBECONFIG", str(plane.kubeconfig))
    return in_this_process(monkeypatch, capfd)


def test_verbs_read_wait_and_delete(workspaces: Workspaces, command: Command) -> None:
    workspaces.node("told-node", "told")
    wanted = workspaces.inference("told")
    wanted["metadata"]["labels"] = {"team": "search"}
    workspaces.apply(wanted)
    waited = command("wait", "told", "--for=condition=WorkspaceReady", "--timeout=60s")
    assert (waited.code, waited.out) == (0, "workspace.kaito.sh/told condition met\n"), waited.err
    heading, row = (line.split() for line in command("get", "told").out.splitlines())
    assert heading == ["NAME", "INSTANCE", "RESOURCEREADY", "INFERENCEREADY", "WORKSPACEREADY", "AGE"]
    assert row[:5] == ["told", INSTANCE_TYPE, "True", "True", "True"]
    assert command("get", "-A", "-l", "team=search", "-o", "name").out == "workspace.kaito.sh/told\n"
    assert command("get", "-n", "kube-system").err == "no Workspaces in namespace kube-system\n"
    assert yaml.safe_load(command("get", "told", "-o", "yaml").out)["status"]["workerNodes"] == ["told-node"]
    described = command("describe", "told").out
    assert "StatefulSet/told  1 of 1 ready\n    Pod/told-0  Running: on told-node\n" in described
    assert "Workspace/told" in described.partition("\nEvents:\n")[2]
    gone = command("delete", "told")
    assert gone.code == 0, gone.err
    assert gone.out == 'workspace.kaito.sh "told" deleted\n'
    first, second = gone.err.splitlines()[:2]
    assert first.startswith("on context ")
    assert re.fullmatch(rf"default/told gives back told-node \({INSTANCE_TYPE}\), \d\.\d\d USD/hour", second), second
    assert workspaces.get("told") == {}


def test_describe_names_the_root_cause_and_the_pod(workspaces: Workspaces, command: Command) -> None:
    workspaces.node("cause-node", "cause", fake=False)
    kubelet = Kubelet(workspaces.plane, "cause-node")
    kubelet.ready()
    workspaces.apply(workspaces.inference("cause"))
    wait_until(lambda: workspaces.plane.fetch("/api/v1/namespaces/default/pods/cause-0"), "there is a pod")
    kubelet.holds("cause-0", waits("ErrImagePull", "no such image"))
    workspaces.until("cause", "InferenceReady", "False", reason="ImagePullError")
    described = command("describe", "cause").out
    assert "Waits for:   ImagePullError: " in described, described
    assert "    Pod/cause-0  ImagePullError: no such image\n" in described
    nothing = command("logs", "cause", "--stage", "tuning")
    assert nothing.code == 1
    assert nothing.err.startswith("error: no container of workspace 'cause' has written anything for 'tuning'")
    workspaces.plane.kubectl("delete", "pod", "cause-0", "--force", "--grace-period=0", check=False)


def test_apply_changes_stop_and_start_and_goes_back(
    workspaces: Workspaces, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMWRIGHT_PROVISIONER", "byo")
    monkeypatch.setenv("LLMWRIGHT_ALLOW_PLACEHOLDERS", "true")
    workspaces.node("moved-node", "moved")
    workspaces.names.append("moved")
    wanted, file = workspaces.inference("moved"), tmp_path / "moved.yaml"
    del wanted["metadata"]["namespace"]

    def apply(*more: str) -> Ran:
        file.write_text(yaml.safe_dump(wanted))
        return command("apply", "-f", str(file), *more)

    def acts(*words: str) -> Ran:
        """Run a verb that changes something: its first words are where."""
        ran = command(*words)
        assert ran.err.startswith("on context "), ran.err
        return ran

    made = apply()
    assert (made.code, made.out) == (0, "workspace.kaito.sh/moved created\n"), made.err
    assert made.err.startswith("on context ")
    rolled = command("rollout", "status", "moved", "--timeout", "60s")
    assert rolled.out.endswith('workspace.kaito.sh "moved" successfully rolled out\n'), rolled
    assert apply().out == "workspace.kaito.sh/moved unchanged\n"
    plan = workspaces.get("moved")["status"]["plan"]

    stopped = acts("stop", "moved")
    assert stopped.out == "workspace.kaito.sh/moved stopped\n", stopped.err
    assert "gives back moved-node" in stopped.err
    workspaces.until("moved", "InferenceReady", "False", reason="ScaledToZero")
    assert acts("stop", "moved").out == "workspace.kaito.sh/moved unchanged\n"
    assert acts("start", "moved").out == "workspace.kaito.sh/moved started\n"
    workspaces.until("moved", "InferenceReady")
    assert {**workspaces.get("moved")["status"]["plan"], "replicas": 1} == plan

    wanted["inference"]["config"] = "engine"
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "engine"},
        "data": {"inference_config.yaml": ""},
    }
    file.write_text(yaml.safe_dump_all([config, wanted]))
    changed = command("apply", "-f", str(file))
    assert changed.out == "configmap/engine created\nworkspace.kaito.sh/moved configured\n", changed.err
    wait_until(lambda: len(command("rollout", "history", "moved").out.splitlines()) == 3, "there are two revisions")
    assert command("rollout", "history", "moved").out.splitlines()[2].split()[-2:] == ["*", "inference.config"]
    gone = command("--no-plugin", "presets", "rollout", "undo", "moved")
    assert gone.code == 2
    assert "inference.preset.name: there is no preset 'phi-4-mini-instruct' any more" in gone.err
    assert "revision 1 cannot be taken up again" in gone.err
    back = acts("rollout", "undo", "moved")
    assert (back.code, back.out) == (0, "workspace.kaito.sh/moved rolled back\n"), back.err
    assert "config" not in workspaces.get("moved")["inference"]
    assert acts("rollout", "restart", "moved").out == "workspace.kaito.sh/moved restarted\n"
    assert acts("rollout", "moved").out == "workspace.kaito.sh/moved unchanged\n"

    wanted["inference"] = {"preset": {"name": "no-such-model"}}
    refused = apply()
    assert refused.code == 2
    assert "inference.preset: cannot be changed" in refused.err
    assert "--no-check" in refused.err
    workspaces.plane.kubectl("delete", "configmap", "engine")


def test_a_config_of_a_directory_becomes_the_config_map(
    workspaces: Workspaces, command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMWRIGHT_PROVISIONER", "byo")
    monkeypatch.setenv("LLMWRIGHT_ALLOW_PLACEHOLDERS", "true")
    workspaces.names.append("files")
    wanted = workspaces.inference("files")
    wanted["inference"]["config"] = "of-files"
    (tmp_path / "files.yaml").write_text(yaml.safe_dump(wanted))
    (tmp_path / "configs").mkdir()
    apply = ("apply", "-f", "files.yaml", "--config-dir")

    assert (ran := command(*apply, "confgis")).code == 2
    assert "'confgis' does not exist" in ran.err
    assert (ran := command(*apply, "configs")).code == 2
    assert "inference.config: configs has no file of-files or of-files.yaml" in ran.err
    assert workspaces.get("files") == {}
    (tmp_path / "configs/of-files.yaml").write_text("vllm: {max-model-len: 2048}\n")
    made = command(*apply, "configs")
    assert made.out == "configmap/of-files created\nworkspace.kaito.sh/files created\n", made.err
    config = workspaces.plane.fetch("/api/v1/namespaces/default/configmaps/of-files")
    assert config is not None
    assert config["data"] == {"inference_config.yaml": "vllm: {max-model-len: 2048}\n"}
    again = command(*apply, "configs")
    assert again.out == "configmap/of-files unchanged\nworkspace.kaito.sh/files unchanged\n", again.err
    assert (ran := command("rollout", "update", "files", "--config-dir", "configs")).code == 2
    assert "`llmwright apply -f FILE --config-dir DIR` changes it" in ran.err
    workspaces.plane.kubectl("delete", "configmap", "of-files")


def account(plane: Cluster, folder: Path, name: str, role: str = "") -> Path:
    """Make an account with a role in the namespace; return its kubeconfig."""
    plane.kubectl("create", "serviceaccount", name)
    if role:
        plane.kubectl("create", "rolebinding", name, f"--clusterrole={role}", f"--serviceaccount=default:{name}")
    access = yaml.safe_load(plane.write_kubeconfig(folder / "operator").read_text())
    access["users"][0]["user"] = {"token": plane.kubectl("create", "token", name).strip()}
    file = folder / name
    file.write_text(yaml.safe_dump(access))
    return file


def test_the_roles_of_people_are_enough_for_their_verbs(
    workspaces: Workspaces, command: Command, tmp_path: Path
) -> None:
    workspaces.node("shared-node", "shared")
    workspaces.apply(workspaces.inference("shared"))
    workspaces.until("shared", "InferenceReady")
    reader = str(account(workspaces.plane, tmp_path, "reader", "llmwright-view"))
    writer = str(account(workspaces.plane, tmp_path, "writer", "llmwright-edit"))
    described = command("describe", "shared", "--kubeconfig", reader)
    assert (described.code, "State:       Ready" in described.out) == (0, True), described.err
    assert "may not list statefulsets.apps in namespace default; the ClusterRole view has that right" in described.err
    refused = command("stop", "shared", "--kubeconfig", reader)
    assert refused.code == 1
    assert "may not patch workspaces.kaito.sh in namespace default" in refused.err
    assert "the ClusterRole llmwright-edit has that right" in refused.err
    assert command("start", "shared", "--kubeconfig", writer).out == "workspace.kaito.sh/shared unchanged\n"
    assert command("stop", "shared", "--kubeconfig", writer).out == "workspace.kaito.sh/shared stopped\n"
    assert command("delete", "shared", "--kubeconfig", writer).code == 0
    workspaces.plane.kubectl("delete", "serviceaccount,rolebinding", "reader", "writer", "--ignore-not-found")


def test_what_force_leaves_behind_is_named(workspaces: Workspaces, command: Command) -> None:
    workspaces.node("forced-node", "forced")
    workspaces.apply(workspaces.inference("forced"))
    workspaces.until("forced", "Ready")
    wait_until(lambda: workspaces.get("forced")["status"].get("workerNodes") == ["forced-node"], "its node is told")
    gone = command("delete", "forced", "--force")
    assert gone.code == 0, gone.err
    assert f"default/forced leaves forced-node ({INSTANCE_TYPE})" in gone.err
    assert "gives back" not in gone.err


def test_who_lacks_a_right_is_told_which_and_who_gives_it(plane: Cluster, command: Command, tmp_path: Path) -> None:
    refused = command("get", "--kubeconfig", str(account(plane, tmp_path, "stranger")))
    assert refused.code == 1
    assert refused.err.splitlines() == [
        "error: system:serviceaccount:default:stranger may not list workspaces.kaito.sh in namespace default",
        "  hint: the ClusterRole llmwright-view has that right: `kubectl create rolebinding llmwright-NAME -n default "
        "--clusterrole=llmwright-view --serviceaccount=default:stranger`",
    ]
    unknown = command("orphans", "--kubeconfig", str(tmp_path / "stranger"))
    assert (unknown.code, unknown.out) == (1, "")
    assert "default:stranger may not list nodes in the whole cluster" in unknown.err
    assert "nothing is left" not in unknown.err
    plane.kubectl("delete", "serviceaccount", "stranger")


def test_verbs_of_this_machine_say_so_and_the_others_ask_the_cluster(command: Command, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"prompt": "hello"}\n')
    refused = command("--target", "kubernetes", "generate", "nobody", "-f", "in.jsonl", "-o", "out.jsonl")
    assert refused.err.startswith("error: workspace 'nobody' is not there in namespace 'default'")
    asked = command("bench", "nobody")
    assert asked.err.startswith("error: workspace 'nobody' is not there in namespace 'default'")


def test_an_api_server_that_is_away_is_waited_for(plane: Cluster, command: Command, tmp_path: Path) -> None:
    access = yaml.safe_load(Path(plane.kubeconfig).read_text())
    access["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    away = tmp_path / "away"
    away.write_text(yaml.safe_dump(access))
    ended = command("wait", "any", "--for=condition=Ready", "--timeout=2s", "--kubeconfig", str(away))
    assert ended.code == 1
    said = ended.err.splitlines()
    assert said[0] == "the API server https://127.0.0.1:1 does not answer; waiting for it"
    assert said[1].startswith("error: the API server https://127.0.0.1:1 does not answer: ")
    unknown = command("get", "--context", "nowhere")
    assert unknown.code == 2
    assert "nowhere" in unknown.err


def test_changes_are_watched_until_the_reader_goes(
    workspaces: Workspaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plane = workspaces.plane
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    command = [sys.executable, "-m", "llmwright", "--kubeconfig", str(plane.kubeconfig), "-n", "default", "get", "-w"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as watching:
        assert watching.stdout is not None
        headings = watching.stdout.readline().split()
        workspaces.node("watched-node", "watched")
        workspaces.apply(workspaces.inference("watched"))
        ready = headings.index("WORKSPACEREADY")
        rows = iter(watching.stdout.readline, "")
        words = next(row.split() for row in rows if row.split()[0] == "watched" and "True" in row.split()[ready:])
        watching.terminate()
    assert words[:5] == ["watched", INSTANCE_TYPE, "True", "True", "True"]


def test_kubectl_starts_it_as_a_plugin(plane: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("KUBECONFIG", str(plane.kubeconfig))
    listed = subprocess.run(
        [plane.programs.assets / "kubectl", "llmwright", "-n", "kube-system", "get", "-o", "json"],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert listed.returncode == 0, listed.stderr
    assert json.loads(listed.stdout)["kind"] == "List"
