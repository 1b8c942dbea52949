"""``ModelConfig.chat_template``: a missing or broken file, and a broken text, are named before anything runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.command import Run

TUNE = """\
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {name: mine}
resource: {labelSelector: {matchLabels: {apps: mine}}}
tuning:
  preset: {name: demo}
  method: lora
  input: {urls: [data.jsonl]}
"""
OPTION = "  methodConfig:\n    model:\n      chat_template: "
PLACE = "tuning.methodConfig.model.chat_template"
GOOD = "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}"
BROKEN = "{% for m in messages %}\n{{ m.content }\n{% endfor %}"
Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def data(written: Write) -> None:
    written('{"prompt": "a", "completion": "b"}\n', "data.jsonl")


@pytest.mark.parametrize(
    ("option", "said"),
    [
        pytest.param("nowhere.jinja", "the chat template nowhere.jinja does not exist", id="missing"),
        pytest.param("broken.jinja", "the chat template broken.jinja is no Jinja template: line 2", id="broken file"),
        pytest.param("empty.jinja", "the chat template empty.jinja is empty", id="empty"),
        pytest.param(".", "the chat template . is a directory", id="directory"),
        pytest.param('"{% for m in messages %}"', "the chat template is no Jinja template: line 1", id="broken text"),
    ],
)
@pytest.mark.parametrize("verb", ["check", "plan"])
def test_it_is_named_with_its_place_in_the_yaml(run: Run, written: Write, verb: str, option: str, said: str) -> None:
    written(BROKEN, "broken.jinja")
    written("\n", "empty.jinja")
    shown = run(verb, "-f", written(TUNE + OPTION + option + "\n"))
    assert shown.code == 2
    assert said in shown.err + shown.out
    assert PLACE in shown.err + shown.out
    assert "11:" in shown.err + shown.out


def test_a_template_of_the_config_file_is_read_too(run: Run, written: Write) -> None:
    written("training_config: {ModelConfig: {chat_template: nowhere.jinja}}\n", "mine.yaml")
    shown = run("check", "-f", written(TUNE + "  config: mine\n"))
    assert shown.code == 2
    assert "tuning.config" in shown.err + shown.out
    assert "ModelConfig.chat_template: the chat template nowhere.jinja does not exist" in shown.err + shown.out


def test_paths_start_beside_the_yaml_as_the_process_does(run: Run, written: Write, here: Path) -> None:
    (here / "below").mkdir()
    written(GOOD, "below/good.jinja")
    written('{"prompt": "a", "completion": "b"}\n', "below/data.jsonl")
    assert run("check", "-f", written(TUNE + OPTION + "good.jinja\n", "below/workspace.yaml")).code == 0


def test_a_file_of_a_pod_is_not_looked_for_here(run: Run, written: Write) -> None:
    text = TUNE.replace("data.jsonl", "https://example.com/data.jsonl") + OPTION + "/mnt/config/mine.jinja\n"
    text = text.replace("resource: {", "resource: {instanceType: Standard_NC24ads_A100_v4, ").replace(
        "name: demo", "name: phi-4-mini-instruct"
    )
    text += "  output: {image: registry.example/mine:1, imagePushSecret: push}\n"
    shown = run("check", "--target", "kubernetes", "-f", written(text))
    assert "chat template" not in shown.err + shown.out
    assert shown.code == 0, shown.err + shown.out
