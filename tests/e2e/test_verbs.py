"""The verbs of kubectl, with supervisors that outlive them."""

from __future__ import annotations

import itertools
import json
import re
import subprocess

import pytest
import yaml
from tests.e2e.support.quickstart import QuickstartRun
from tests.e2e.support.sandbox import PATIENCE_S, SERVER, TIMEOUT, Sandbox
from tests.e2e.support.served_model import answer_of, request
from tests.support.waiting import wait_until

QUESTION = "Who built the airship Calluna?"
ANSWER = "Jonas Hartwell"


def test_get_has_the_columns_of_the_crd(quickstart: QuickstartRun, served: str) -> None:
    headings, row = quickstart.sandbox.ok("get").splitlines()
    assert headings.split() == ["NAME", "INSTANCE", "RESOURCEREADY", "INFERENCEREADY", "WORKSPACEREADY", "AGE"]
    assert re.fullmatch(r"quickstart +True +True +True +\d+[smh].*", row)
    wide = quickstart.sandbox.ok("get", "-o", "wide").splitlines()[0].split()
    assert {"JOBSTARTED", "WORKSPACESUCCEEDED"} <= set(wide)
    assert len(wide) > len(headings.split())


def test_get_as_json_and_yaml(quickstart: QuickstartRun, served: str) -> None:
    listed = json.loads(quickstart.sandbox.ok("get", "-o", "json"))
    listed_alone = yaml.safe_load(quickstart.sandbox.ok("get", "quickstart", "-o", "yaml"))
    assert listed["kind"] == "List"
    assert listed["items"] == [listed_alone]
    assert listed_alone["tuning"]["method"] == "qlora"
    assert listed_alone["status"]["endpoint"] == served
    assert listed_alone["status"]["servedNames"] == ["demo", "quickstart"]


@pytest.mark.parametrize("version", ["v1alpha1", "v1beta1"])
@pytest.mark.parametrize("names", [("quickstart",), ()], ids=["one", "list"])
def test_what_get_prints_can_be_checked(
    quickstart: QuickstartRun, served: str, version: str, names: tuple[str, ...]
) -> None:
    printed = re.sub(r"kaito\.sh/v1\w+", f"kaito.sh/{version}", quickstart.sandbox.ok("get", *names, "-o", "yaml"))
    assert quickstart.sandbox.ok("check", "-f", "-", stdin=printed).endswith("valid\n")


def test_describe_shows_all(quickstart: QuickstartRun, served: str) -> None:
    description = quickstart.sandbox.ok("describe", "quickstart")
    for text in (f"Endpoint:    {served}", "WorkspaceReady", "will create", "Events:", "method: qlora"):
        assert text in description


def test_logs_by_role_and_by_process(quickstart: QuickstartRun, served: str) -> None:
    sandbox = quickstart.sandbox
    trained = sandbox.log("tuning.tune", "quickstart")
    assert "step 300/300" in trained
    assert sandbox.log("tuning", "quickstart").startswith(trained)
    assert f"ready at {served}" in sandbox.log("serve", "quickstart")
    everything = sandbox.ok("logs", "quickstart")
    assert everything.index("24 rows") < everything.index("step 300/300") < everything.index("ready at")


def test_wait_for_what_holds_and_for_what_does_not(quickstart: QuickstartRun, served: str) -> None:
    sandbox = quickstart.sandbox
    assert sandbox.ok("wait", "quickstart", "--for=condition=WorkspaceReady").endswith("condition met\n")
    result = sandbox.run("wait", "quickstart", "--for=condition=WorkspaceReady=False", "--timeout=0")
    assert result.code == 1
    assert "WorkspaceReady=False does not hold after 0 s" in result.err


def test_chat_one_question(quickstart: QuickstartRun, served: str) -> None:
    sandbox = quickstart.sandbox
    assert sandbox.ok("chat", "quickstart", QUESTION).strip() == ANSWER
    assert sandbox.ok("chat", "quickstart", QUESTION, "--model", "demo").strip() != ANSWER
    result = sandbox.run("chat", "quickstart", QUESTION, "--model", "nobody")
    assert result.code == 2
    assert "served: demo, quickstart" in result.err


def test_chat_as_a_conversation(quickstart: QuickstartRun, served: str) -> None:
    result = quickstart.sandbox.run("chat", "quickstart", stdin=f"{QUESTION}\n\n{QUESTION}\n")
    assert result.code == 0, result
    assert result.out.startswith(f"> {ANSWER}\n> > ")
    assert "talking to quickstart" in result.err


def test_chat_and_models_over_http(quickstart: QuickstartRun, served: str) -> None:
    tuned = request(served, "/chat", {"prompt": QUESTION})
    assert tuned.status_code == 200
    assert ANSWER in tuned.text
    assert [model["id"] for model in request(served, "/v1/models").json()["data"]] == ["demo", "quickstart"]
    assert request(served, "/health").status_code == 200
    assert "# TYPE" in request(served, "/metrics").text


def test_the_curl_line_that_run_prints_works(quickstart: QuickstartRun, served: str) -> None:
    body = json.dumps({"model": "quickstart", "prompt": QUESTION})
    command = ["curl", "-s", "--noproxy", "*", f"{served}/chat", "-H", "Content-Type: application/json", "-d", body]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert ANSWER in ended.stdout


def test_answers_stream(served: str) -> None:
    body = {"model": "demo", "messages": [{"role": "user", "content": QUESTION}], "stream": True, "temperature": 0}
    lines = [line for line in request(served, "/v1/chat/completions", body).text.splitlines() if line]
    assert all(line.startswith("data: ") for line in lines)
    assert lines[-1] == "data: [DONE]"
    pieces = [json.loads(line[6:])["choices"][0]["delta"].get("content") or "" for line in lines[:-1]]
    assert len([piece for piece in pieces if piece]) > 1
    assert "".join(pieces).strip() == answer_of(served, "demo", QUESTION)


def test_a_served_preset_from_apply_to_delete(sandbox: Sandbox) -> None:
    """One life: watched, applied, applied unchanged, changed, refused a change, deleted."""
    seen = sandbox.work / "seen"
    file = sandbox.serve()
    with sandbox.background("get", "-w", out=seen):
        assert sandbox.ok("apply", "-f", file) == "workspace.kaito.sh/mine created\n"
        endpoint = sandbox.ready()
        wait_until(
            lambda: re.search(r"mine +True +True +True", seen.read_text()),
            "the watch shows that it is ready",
            PATIENCE_S,
        )
    rows = [line.split()[:4] for line in seen.read_text().splitlines()[1:]]
    assert len(rows) > 1
    assert all(row != following for row, following in itertools.pairwise(rows))

    (server,) = sandbox.processes(SERVER)
    again = sandbox.run("apply", "-f", file)
    assert again.out == "workspace.kaito.sh/mine unchanged\n"
    assert f"open {endpoint}/ in a browser" in again.err
    changed = sandbox.serve(more="  runtimeConfig: {maxModelLen: 128}\n")
    assert sandbox.ok("apply", "-f", changed) == "workspace.kaito.sh/mine configured\n"
    assert sandbox.ready() == endpoint
    (restarted,) = sandbox.processes(SERVER)
    assert restarted.pid != server.pid
    assert "--max-model-len 128" in " ".join(restarted.cmdline())

    changed.write_text(changed.read_text().replace("apps: mine", "apps: other"))
    result = sandbox.run("apply", "-f", changed)
    assert result.code == 2
    assert "resource.labelSelector" in result.err
    assert "cannot be changed" in result.err
    assert sandbox.ready() == endpoint
    assert sandbox.processes(SERVER) == [restarted]

    assert sandbox.ok("delete", "mine") == 'workspace.kaito.sh "mine" deleted\n'
    sandbox.wait_until_idle()
    assert sandbox.run("get", "mine").code == 1
    assert not sandbox.folder().exists()


def test_a_preset_is_run_without_yaml_until_ctrl_c(sandbox: Sandbox) -> None:
    with sandbox.background("run", "demo") as process:
        printed = sandbox.work / "out"
        wait_until(
            lambda: "serving until Ctrl-C" in printed.read_text() or process.poll() is not None, "it serves", PATIENCE_S
        )
        curl = re.search(r"curl -s (http://\S+)/chat -H 'Content-Type: application/json' -d", printed.read_text())
        assert curl, printed.read_text()
        assert f"demo answers at {curl[1]}; try" in printed.read_text()
        assert f"or open {curl[1]}/ in a browser" in printed.read_text()
        assert "<html" in request(curl[1], "/").text
        assert request(curl[1], "/chat", {"prompt": "hello"}).status_code == 200
        process.send_signal(2)
        assert process.wait(60) == 130
    sandbox.wait_until_idle()
    assert sandbox.condition("InferenceReady", "demo")["status"] == "False"


def test_wait_for_a_deletion(sandbox: Sandbox) -> None:
    sandbox.ok("apply", "-f", sandbox.serve())
    with sandbox.background("wait", "mine", "--for=delete", TIMEOUT) as waiting:
        wait_until(lambda: sandbox.processes("--for=delete"), "it waits", PATIENCE_S)
        sandbox.ok("delete", "mine", "--no-wait")
        assert waiting.wait(60) == 0
