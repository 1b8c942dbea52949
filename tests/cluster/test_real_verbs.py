"""Verbs that reach into real containers on a real node: logs of each container and run, and the port of a server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.support.api_server_away import bring_api_server_back, kill_api_server
from tests.cluster.support.real_node import RealNode
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(900)]

Verb = Callable[..., subprocess.CompletedProcess[str]]

LABEL = {"apps": "verbs"}
MODELS = {"object": "list", "data": [{"id": "tiny", "object": "model"}]}
PIECE = {"choices": [{"delta": {"content": "hello"}}]}
WHOLE = {
    "choices": [{"message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}
ANSWERS = rf"""
read method path version; length=0
while read line; do
  line=${{line%?}}; [ -z "$line" ] && break
  case "$line" in [Cc]ontent-[Ll]ength:*) length=${{line#*: }};; esac
done
body=; [ "$length" -gt 0 ] && body=$(dd bs=1 count=$length 2>/dev/null)
kind=application/json
text='{json.dumps(WHOLE)}'
case "$body" in *'"stream":true'*|*'"stream": true'*)
  kind=text/event-stream
  text='data: {json.dumps(PIECE)}

data: [DONE]

';;
esac
case "$path" in /v1/models) text='{json.dumps(MODELS)}';; esac
printf 'HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %s\r\n' "$kind" "${{#text}}"
printf 'Connection: close\r\n\r\n%s' "$text"
"""
"""A server of the OpenAI API for one connection, in the shell's words."""
SERVE = "printf '%s' \"$ANSWERS\" > /work/answers; echo it serves; exec nc -ll -p 5000 -e sh /work/answers"


def workspace(name: str, image: str, command: str) -> dict[str, Any]:
    mounts = [{"name": "work", "mountPath": "/work"}]
    main = {"name": "main", "image": image, "command": ["sh", "-c", command], "volumeMounts": mounts,
            "env": [{"name": "ANSWERS", "value": ANSWERS}], "ports": [{"containerPort": 5000}]}  # fmt: skip
    first = {"name": "first", "image": image, "command": ["sh", "-c", "echo before all"]}
    pod = {"initContainers": [first], "containers": [main], "volumes": [{"name": "work", "emptyDir": {}}],
           "terminationGracePeriodSeconds": 1}  # fmt: skip
    return {
        "apiVersion": "kaito.sh/v1beta1",
        "kind": "Workspace",
        "metadata": {"name": name, "namespace": "default"},
        "resource": {"labelSelector": {"matchLabels": LABEL}, "provisioner": "byo"},
        "inference": {"template": {"metadata": {"labels": {"app": name}}, "spec": pod}},
    }


@pytest.fixture(scope="module")
def image(real_node: RealNode) -> Iterator[str]:
    real_node.plane.install()
    real_node.label({**LABEL, "nvidia.com/gpu.present": "false"})
    with real_node.plane.operator({"provisioner": "byo"}):
        yield real_node.import_busybox()
        real_node.plane.kubectl("delete", "workspaces", "--all", "--timeout=60s")
        wait_until(lambda: not real_node.plane.get("pods"), "no pod is left")
    real_node.plane.uninstall()


@pytest.fixture
def verb(real_node: RealNode, tmp_path: Path) -> Verb:
    """Runs ``llmwright ARGUMENTS`` on the cluster."""
    plane = real_node.plane
    path = f"{plane.programs.assets}:{os.environ['PATH']}"
    environ = {**os.environ, "PATH": path, "KUBECONFIG": str(plane.kubeconfig), "XDG_CONFIG_HOME": str(tmp_path)}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "llmwright", "--target", "kubernetes", *arguments]
        done = subprocess.run(
            command, env=environ, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
        )
        print(f"$ llmwright {' '.join(arguments)}\n{done.stdout}{done.stderr}[{done.returncode}]")
        return done

    return run


def test_logs_are_those_of_each_container_and_of_the_run_before(real_node: RealNode, image: str, verb: Verb) -> None:
    real_node.plane.apply(workspace("ends", image, "echo it begins; sleep 2; echo it ends; exit 3"))

    def rests() -> bool:
        """Return whether it waits for its third run: until then the runs come faster than they are read."""
        pod = real_node.plane.fetch("/api/v1/namespaces/default/pods/ends-0") or {}
        states = (pod.get("status") or {}).get("containerStatuses") or []
        return any(each["restartCount"] > 1 and "waiting" in each["state"] for each in states)

    wait_until(rests, "it was started again", 120)
    assert verb("logs", "ends", "--stage", "first").stdout == "before all\n"
    assert verb("logs", "ends", "--stage", "main", "-p").stdout == "it begins\nit ends\n"
    assert "[ends-0/first] before all\n[ends-0/main] it begins\n" in verb("logs", "ends").stdout
    missing = verb("logs", "ends", "--stage", "tuning")
    assert (missing.returncode, "has written anything for 'tuning'" in missing.stderr) == (1, True)
    assert "Pod/ends-0  ContainerCrashLoopBackOff" in verb("describe", "ends").stdout


def test_lines_are_followed_until_the_workspace_is_gone(real_node: RealNode, image: str, tmp_path: Path) -> None:
    plane = real_node.plane
    plane.apply(workspace("talks", image, "while true; do echo it talks; sleep 1; done"))
    command = [sys.executable, "-m", "llmwright", "--kubeconfig", str(plane.kubeconfig), "logs", "-f", "talks"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as following:
        assert following.stdout is not None
        lines = [following.stdout.readline() for _ in range(3)]
        plane.kubectl("delete", "workspace", "talks", "--timeout=60s")
        following.communicate(timeout=60)
    assert following.returncode == 0
    assert sorted(lines)[:2] == ["[talks-0/first] before all\n", "[talks-0/main] it talks\n"]


def test_lines_go_on_where_the_api_server_died(real_node: RealNode, image: str, tmp_path: Path) -> None:
    plane = real_node.plane
    plane.apply(workspace("counts", image, "n=0; while true; do n=$((n+1)); echo line $n; sleep 0.2; done"))
    command = [sys.executable, "-m", "llmwright", "--kubeconfig", str(plane.kubeconfig), "logs", "-f", "counts",
               "--stage", "main"]  # fmt: skip
    said = tmp_path / "said"
    with (
        said.open("w") as told,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=told, text=True, cwd=tmp_path) as following,
    ):
        assert following.stdout is not None
        lines = [following.stdout.readline() for _ in range(5)]
        kill_api_server(plane)
        wait_until(lambda: "does not answer; waiting for it" in said.read_text(), "it says that it waits")
        bring_api_server_back(plane)
        until = int(lines[-1].split()[-1]) + 50
        while int(lines[-1].split()[-1]) < until:
            lines.append(following.stdout.readline())
        following.terminate()
    numbers = [int(line.split()[-1]) for line in lines]
    assert numbers == list(range(1, len(numbers) + 1)), "none is lost, and none is shown twice"
    assert said.read_text().splitlines() == [
        f"the API server {plane.url} does not answer; waiting for it",
        f"the API server {plane.url} answers again",
    ]


def test_a_model_is_asked_through_a_forwarded_port(real_node: RealNode, image: str, verb: Verb, tmp_path: Path) -> None:
    real_node.plane.apply(workspace("answers", image, SERVE))
    real_node.plane.until("answers", "InferenceReady", timeout_s=120)
    assert verb("chat", "answers", "--model", "tiny", "who?").stdout == "hello\n"
    (tmp_path / "in.jsonl").write_text('{"prompt": "who?"}\n')
    assert verb("generate", "answers", "--model", "tiny", "-f", "in.jsonl", "-o", "out.jsonl").returncode == 0
    assert "hello" in json.dumps((tmp_path / "out.jsonl").read_text())
    measured = verb("bench", "answers", "--model", "tiny", "--requests", "2", "--concurrency", "1", "-o", "json")
    assert measured.returncode == 0, measured.stderr
    assert json.loads(measured.stdout)["model"] == "tiny"


def test_a_pod_that_is_replaced_meanwhile_is_followed_by_the_next(
    real_node: RealNode, image: str, tmp_path: Path
) -> None:
    """``generate`` answers every line, and a conversation goes on; one line tells of each loss."""
    plane = real_node.plane
    plane.apply(workspace("moves", image, SERVE))
    plane.until("moves", "InferenceReady", timeout_s=120)
    path = f"{plane.programs.assets}:{os.environ['PATH']}"
    environ = {**os.environ, "PATH": path, "XDG_CONFIG_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "llmwright", "--kubeconfig", str(plane.kubeconfig)]
    lines, answers = 400, tmp_path / "out.jsonl"
    (tmp_path / "in.jsonl").write_text('{"prompt": "who?"}\n' * lines)

    def replace() -> None:
        before = plane.fetch("/api/v1/namespaces/default/pods/moves-0")
        assert before is not None
        plane.kubectl("delete", "pod", "moves-0", "--wait=false")
        wait_until(lambda: _is_another(plane.fetch("/api/v1/namespaces/default/pods/moves-0"), before), "it is another")

    asks = [*command, "generate", "moves", "--model", "tiny", "-f", "in.jsonl", "-o", "out.jsonl", "--concurrency", "1"]
    with subprocess.Popen(asks, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=environ) as asking:
        wait_until(lambda: answers.exists() and len(answers.read_text().splitlines()) > 20, "some are answered", 60)
        replace()
        _, said = asking.communicate(timeout=180)
    print(said)
    assert asking.returncode == 0
    assert len(answers.read_text().splitlines()) == lines
    assert said.count("the connection to a pod of default/moves is lost, and made anew: ") >= 1

    talks = [*command, "chat", "moves", "--model", "tiny"]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    talk: subprocess.Popen[str] = subprocess.Popen(talks, text=True, cwd=tmp_path, env=environ, bufsize=1, **pipes)
    with talk as talking:
        assert talking.stdin is not None
        assert talking.stdout is not None

        question, answers_of_it = talking.stdin, talking.stdout

        def ask() -> str:
            """The next answer or error to a question."""
            question.write("who?\n")
            return next(row for row in iter(answers_of_it.readline, "") if "hello" in row or "error: " in row)

        assert ask().endswith("hello\n")
        replace()
        plane.until("moves", "InferenceReady", timeout_s=120)
        wait_until(lambda: ask().endswith("hello\n"), "a question is answered again", 60)
        talking.stdin.close()


def _is_another(pod: dict[str, Any] | None, before: dict[str, Any]) -> bool:
    """Return whether a pod took the place of ``before``, and answers."""
    conditions = ((pod or {}).get("status") or {}).get("conditions") or []
    ready = any((each["type"], each["status"]) == ("Ready", "True") for each in conditions)
    return pod is not None and pod["metadata"]["uid"] != before["metadata"]["uid"] and ready
