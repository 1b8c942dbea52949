"""The verbs, kubectl-like and detached."""

from __future__ import annotations

import itertools
import json
import re
import subprocess

import yaml
from tests.e2e.conftest import TIMEOUT, House, Quickstart, answer, ask, until

QUESTION = "Who built the airship Calluna?"
ANSWER = "Jonas Hartwell"


def test_get_has_the_columns_of_the_crd(quickstart: Quickstart, served: str) -> None:
    headings, row = quickstart.house.ok("get").splitlines()
    assert headings.split() == ["NAME", "INSTANCE", "RESOURCEREADY", "INFERENCEREADY", "WORKSPACEREADY", "AGE"]
    assert re.fullmatch(r"quickstart +True +True +True +\d+[smh].*", row)
    wide = quickstart.house.ok("get", "-o", "wide").splitlines()[0].split()
    assert {"JOBSTARTED", "WORKSPACESUCCEEDED"} <= set(wide)
    assert len(wide) > len(headings.split())


def test_get_as_json_and_yaml(quickstart: Quickstart, served: str) -> None:
    listed = json.loads(quickstart.house.ok("get", "-o", "json"))
    one = yaml.safe_load(quickstart.house.ok("get", "quickstart", "-o", "yaml"))
    assert listed["kind"] == "List"
    assert listed["items"] == [one]
    assert one["tuning"]["method"] == "qlora"
    assert one["status"]["endpoint"] == served
    assert one["status"]["servedNames"] == ["demo", "quickstart"]


def test_describe_tells_all(quickstart: Quickstart, served: str) -> None:
    told = quickstart.house.ok("describe", "quickstart")
    for text in (f"Endpoint:    {served}", "WorkspaceReady", "will create", "Events:", "method: qlora"):
        assert text in told


def test_logs_by_role_and_by_process(quickstart: Quickstart, served: str) -> None:
    house = quickstart.house
    trained = house.log("tuning.tune", "quickstart")
    assert "step 300/300" in trained
    assert house.log("tuning", "quickstart").startswith(trained)
    assert f"ready at {served}" in house.log("serve", "quickstart")
    everything = house.ok("logs", "quickstart")
    assert everything.index("24 rows") < everything.index("step 300/300") < everything.index("ready at")


def test_wait_for_what_holds_and_for_what_does_not(quickstart: Quickstart, served: str) -> None:
    house = quickstart.house
    assert house.ok("wait", "quickstart", "--for=condition=WorkspaceReady").endswith("condition met\n")
    ran = house("wait", "quickstart", "--for=condition=WorkspaceReady=False", "--timeout=0")
    assert ran.code == 1
    assert "WorkspaceReady=False does not hold after 0 s" in ran.err


def test_chat_one_question(quickstart: Quickstart, served: str) -> None:
    house = quickstart.house
    assert house.ok("chat", "quickstart", QUESTION).strip() == ANSWER
    assert house.ok("chat", "quickstart", QUESTION, "--model", "demo").strip() != ANSWER
    ran = house("chat", "quickstart", QUESTION, "--model", "nobody")
    assert ran.code == 2
    assert "served: demo, quickstart" in ran.err


def test_chat_as_a_conversation(quickstart: Quickstart, served: str) -> None:
    ran = quickstart.house("chat", "quickstart", stdin=f"{QUESTION}\n\n{QUESTION}\n")
    assert ran.code == 0, ran
    assert ran.out.startswith(f"> {ANSWER}\n> > ")
    assert "talking to quickstart" in ran.err


def test_chat_and_models_over_http(quickstart: Quickstart, served: str) -> None:
    tuned = ask(served, "/chat", {"prompt": QUESTION})
    assert tuned.status_code == 200
    assert ANSWER in tuned.text
    assert [model["id"] for model in ask(served, "/v1/models").json()["data"]] == ["demo", "quickstart"]
    assert ask(served, "/health").status_code == 200
    assert "# TYPE" in ask(served, "/metrics").text


def test_the_curl_line_that_run_prints_works(quickstart: Quickstart, served: str) -> None:
    body = json.dumps({"model": "quickstart", "prompt": QUESTION})
    command = ["curl", "-s", "--noproxy", "*", f"{served}/chat", "-H", "Content-Type: application/json", "-d", body]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert ANSWER in done.stdout


def test_answers_stream(served: str) -> None:
    body = {"model": "demo", "messages": [{"role": "user", "content": QUESTION}], "stream": True, "temperature": 0}
    lines = [line for line in ask(served, "/v1/chat/completions", body).text.splitlines() if line]
    assert all(line.startswith("data: ") for line in lines)
    assert lines[-1] == "data: [DONE]"
    pieces = [json.loads(line[6:])["choices"][0]["delta"].get("content") or "" for line in lines[:-1]]
    assert len([piece for piece in pieces if piece]) > 1
    assert "".join(pieces).strip() == answer(served, "demo", QUESTION)


def test_a_served_preset_from_apply_to_delete(house: House) -> None:
    """One life: watched, applied, applied unchanged, changed, refused a change, deleted."""
    seen = house.work / "seen"
    file = house.serve()
    with house.started("get", "-w", out=seen):
        assert house.ok("apply", "-f", file) == "workspace.kaito.sh/mine created\n"
        endpoint = house.ready()
        until(lambda: re.search(r"mine +True +True +True", seen.read_text()), "the watch shows that it is ready")
    rows = [line.split()[:4] for line in seen.read_text().splitlines()[1:]]
    assert len(rows) > 1
    assert all(one != other for one, other in itertools.pairwise(rows))

    (server,) = house.processes("llmwright_runtime_hf.serve")
    assert house.ok("apply", "-f", file) == "workspace.kaito.sh/mine unchanged\n"
    changed = house.serve(more="  runtimeConfig: {maxModelLen: 128}\n")
    assert house.ok("apply", "-f", changed) == "workspace.kaito.sh/mine configured\n"
    assert house.ready() == endpoint
    (restarted,) = house.processes("llmwright_runtime_hf.serve")
    assert restarted.pid != server.pid
    assert "--max-model-len 128" in " ".join(restarted.cmdline())

    changed.write_text(changed.read_text().replace("apps: mine", "apps: other"))
    ran = house("apply", "-f", changed)
    assert ran.code == 2
    assert "resource.labelSelector" in ran.err
    assert "cannot be changed" in ran.err
    assert house.ready() == endpoint
    assert house.processes("llmwright_runtime_hf.serve") == [restarted]

    assert house.ok("delete", "mine") == 'workspace.kaito.sh "mine" deleted\n'
    house.comes_to_rest()
    assert house("get", "mine").code == 1
    assert not house.folder().exists()


def test_a_preset_is_run_without_yaml_until_ctrl_c(house: House) -> None:
    with house.started("run", "demo") as process:
        told = house.work / "out"
        until(lambda: "serving until Ctrl-C" in told.read_text() or process.poll() is not None, "it serves")
        found = re.search(r"curl -s (http://\S+)/chat", told.read_text())
        assert found, told.read_text()
        assert ask(found[1], "/chat", {"prompt": "hello"}).status_code == 200
        process.send_signal(2)
        assert process.wait(60) == 130
    house.comes_to_rest()
    assert house.condition("InferenceReady", "demo")["status"] == "False"


def test_wait_for_a_deletion(house: House) -> None:
    house.ok("apply", "-f", house.serve())
    with house.started("wait", "mine", "--for=delete", TIMEOUT) as waiting:
        until(lambda: house.processes("--for=delete"), "it waits")
        house.ok("delete", "mine", "--no-wait")
        assert waiting.wait(60) == 0
