"""A model of one's own: the directory that ``save_pretrained`` wrote, run without any YAML."""

from __future__ import annotations

import json

import pytest
import yaml
from tests.e2e.support.sandbox import PATIENCE_S, Sandbox
from tests.e2e.support.served_model import request
from tests.support.model_families import save_family
from tests.support.tiny_models import CONTEXT, save_model, save_tokenizer
from tests.support.waiting import wait_until
from transformers import AutoTokenizer


def test_a_saved_model_is_run_and_answers(sandbox: Sandbox) -> None:
    directory, out = sandbox.work / "my-model", sandbox.work / "out"
    save_model(directory, save_tokenizer(directory))
    with sandbox.background("run", "./my-model", out=out):
        wait_until(lambda: "serving until Ctrl-C" in out.read_text(), "it is served", PATIENCE_S)
        assert f"{CONTEXT:,} tokens of context" in out.read_text()
        assert "tuned" not in out.read_text()
        body = {"messages": [{"role": "user", "content": "the quick"}], "max_tokens": 4, "temperature": 0}
        endpoint = sandbox.ready("my-model")
        answer = request(endpoint, "/v1/chat/completions", {"model": "my-model", **body}).json()
        # Its own template was read: the prompt is what the template makes of the message.
        assert answer["usage"]["completion_tokens"] == 4
        prompt = {"model": "my-model", "prompt": "<|user|>the quick<|end|><|assistant|>", "max_tokens": 4}
        asked = request(endpoint, "/v1/completions", {**prompt, "temperature": 0}).json()
        assert asked["usage"]["prompt_tokens"] == answer["usage"]["prompt_tokens"]
        assert asked["choices"][0]["text"] == answer["choices"][0]["message"]["content"]


@pytest.mark.slow
@pytest.mark.parametrize("family", ["mamba", "mistral3", "rwkv"])
def test_a_model_without_keys_or_with_a_nested_config_is_run_as_any(family: str, sandbox: Sandbox) -> None:
    made, out, prompt = save_family(sandbox.work / family, family), sandbox.work / "out", "the quick"
    tokenizer = AutoTokenizer.from_pretrained(made.directory)
    expected = tokenizer.decode(made.greedy(tokenizer(prompt)["input_ids"], 8), skip_special_tokens=True)
    with sandbox.background("run", f"./{family}", out=out):
        wait_until(lambda: "serving until Ctrl-C" in out.read_text(), "it is served", PATIENCE_S)
        asked = {"model": family, "prompt": prompt, "max_tokens": 8, "temperature": 0, "ignore_eos": True}
        answer = request(sandbox.ready(family), "/v1/completions", asked).json()
    assert answer["choices"][0]["text"] == expected


def test_a_saved_model_is_tuned_and_asked(sandbox: Sandbox) -> None:
    """The name that the user wrote finds the model again after tuning, to ask base and adapter."""
    directory = sandbox.work / "my-model"
    save_model(directory, save_tokenizer(directory))
    rows = [{"prompt": f"Who is {name}?", "completion": name} for name in ("Ada", "Bo", "Cy")]
    (sandbox.work / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    tuning = {
        "preset": {"name": "./my-model"},
        "method": "lora",
        "methodConfig": {"max_steps": 2},
        "input": {"urls": ["rows.jsonl"]},
        "output": {"volumeSource": {"hostPath": {"path": "adapter"}}},
    }
    document = {"apiVersion": "kaito.sh/v1beta1", "kind": "Workspace", "metadata": {"name": "own"}, "tuning": tuning}
    (sandbox.work / "tune.yaml").write_text(yaml.safe_dump(document))
    done = sandbox.run("run", "tune.yaml", "--exit")
    assert "of 3 right of the data set's questions" in done.out
