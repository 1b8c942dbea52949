"""``llmwright generate`` on a real server: a preset that is started for the run, and from Python."""

from __future__ import annotations

import json

from tests.e2e.support.sandbox import Sandbox


def test_a_preset_answers_a_file_and_is_gone_afterwards(sandbox: Sandbox) -> None:
    questions = ("Who are you?", "What can you do?")
    sandbox.write("".join(f"{json.dumps({'prompt': text})}\n" for text in questions), "in.jsonl")
    ended = sandbox.run("generate", "demo", "-f", "in.jsonl", "-o", "out.jsonl", "--max-tokens", "20")
    assert ended.code == 0, ended.err
    lines = {
        (line := json.loads(text))["custom_id"]: line for text in (sandbox.work / "out.jsonl").read_text().splitlines()
    }
    bodies = {name: line["response"]["body"] for name, line in lines.items()}
    assert bodies["1"]["choices"][0]["message"]["content"] == "I am the demo model of LLMwright."
    assert bodies.keys() == {"1", "2"}
    assert sandbox.run("get", "demo").code == 1
    sandbox.wait_until_idle()
