"""The user's mistakes: one clear line each, exit code 2, nothing created, nothing lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.command import Run

HEAD = "apiVersion: kaito.sh/v1beta1\nkind: Workspace\nmetadata:\n  name: mine\nresource:\n  labelSelector: {}\n"
SERVE = HEAD + "inference:\n  preset:\n    name: demo\n"
TUNE = HEAD + "tuning:\n  preset:\n    name: demo\n  method: qlora\n  input:\n    urls: [data.jsonl]\n"
TUNE_WITHOUT_INPUT = TUNE.replace("    urls: [data.jsonl]\n", "")

Write = Callable[..., Path]


def no_state(here: Path) -> bool:
    """Whether no Workspace was created."""
    return not list((here.parent / "state").glob("workspaces/*/*"))


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        pytest.param(HEAD, "workspace.yaml", "inference", id="neither tuning nor inference"),
        pytest.param(TUNE + SERVE.removeprefix(HEAD), "workspace.yaml", "both", id="both"),
        pytest.param(SERVE.replace("demo", "dmeo"), "9:5", "did you mean 'demo'", id="unknown preset"),
        pytest.param(
            SERVE.replace("demo", "https://huggingface.co/acme/tiny?x"),
            "9:5",
            "name alone: acme/tiny",
            id="address of a preset",
        ),
        pytest.param(SERVE.replace("demo", "hf://acme/tiny"), "9:5", "name alone: acme/tiny", id="source of a preset"),
        pytest.param(TUNE.replace("qlora", "qlroa"), "10:3", "did you mean 'qlora'", id="unknown method"),
        pytest.param(SERVE + "  runtime: vlm\n", "10:3", "no runtime 'vlm' is installed", id="unknown runtime"),
        pytest.param(
            SERVE.replace("  labelSelector", "  provisioner: nobody\n  labelSelector"),
            "6:3",
            "no provisioner 'nobody' is installed",
            id="unknown plugin",
        ),
        pytest.param(SERVE.replace("  preset:", "\tpreset:"), "8:1", "spaces", id="tab"),
        pytest.param(SERVE + "  preset:\n    name: demo\n", "10:3", "twice", id="duplicate key"),
        pytest.param(SERVE + "  presets: {}\n", "10:3", "did you mean 'preset'", id="unknown field"),
        pytest.param(SERVE + "  runtimeConfig: {dtpye: float32}\n", "inference.runtimeConfig", "dtype", id="option"),
        pytest.param(
            SERVE + "  runtime: vllm\n  runtimeConfig: {quantization: nf4}\n",
            "inference.runtimeConfig.quantization",
            "it is an option of hf",
            id="another runtime's option",
        ),
        pytest.param(
            SERVE.replace("demo", "gpt-oss-20b") + "  runtime: hf\n  runtimeConfig: {reasoningParser: qwen3}\n",
            "inference.runtimeConfig.reasoningParser",
            "leave it out, or write openai_gptoss",
            id="another model's reasoning",
        ),
        pytest.param(
            SERVE.replace("demo", "gpt-oss-20b") + "  runtime: hf\n  runtimeConfig: {toolCallParser: hermes}\n",
            "inference.runtimeConfig.toolCallParser",
            "gpt-oss-20b writes channels",
            id="another model's tool calls",
        ),
        pytest.param(
            TUNE_WITHOUT_INPUT + '    urls: ["http://169.254.169.254/latest/data.json"]\n',
            "tuning.input.urls[0]",
            "metadata",
            id="metadata address",
        ),
        pytest.param(
            TUNE_WITHOUT_INPUT + '    urls: ["http://2130706433/data.json"]\n',
            "tuning.input.urls[0]",
            "sources.allow",
            id="loopback address in decimal",
        ),
        pytest.param(
            TUNE_WITHOUT_INPUT + '    urls: ["https://[fe80::1]/data.json"]\n',
            "tuning.input.urls[0]",
            "sources.allow",
            id="link-local address",
        ),
    ],
)
@pytest.mark.parametrize("verb", ["check", "apply"])
def test_a_mistake_in_the_yaml_is_named_with_its_place(
    verb: str, text: str, place: str, words: str, run: Run, written: Write, here: Path
) -> None:
    ran = run(verb, "-f", written(text))
    told = ran.out + ran.err
    assert ran.code == 2
    assert place in told
    assert words in told
    assert "Traceback" not in told
    assert no_state(here)


def test_all_mistakes_of_all_documents_are_told_at_once(run: Run, written: Write) -> None:
    ran = run("check", "-f", written(SERVE + "  prest: 1\n---\n" + TUNE.replace("input:", "inptu:")))
    assert ran.code == 2
    assert "inference.prest" in ran.err
    assert "tuning.inptu" in ran.err


def test_several_documents_are_each_handled(run: Run, written: Write) -> None:
    ran = run("plan", "-f", written(SERVE + "---\n" + SERVE.replace("mine", "yours")), "-o", "json")
    assert ran.code == 0
    assert '"workspace": "mine"' in ran.out
    assert '"workspace": "yours"' in ran.out


def test_a_file_that_is_not_there(run: Run) -> None:
    ran = run("apply", "-f", "nowhere.yaml")
    assert ran.code == 2
    assert "nowhere.yaml is not there" in ran.err


def test_a_file_without_workspace(run: Run, written: Write) -> None:
    ran = run("check", "-f", written("---\n"))
    assert ran.code == 2
    assert "no Workspace in" in ran.err


@pytest.mark.parametrize(
    "verb", [("get", "nobody"), ("delete", "nobody"), ("logs", "nobody"), ("chat", "nobody", "hi")]
)
def test_a_workspace_that_is_not_there(verb: tuple[str, ...], run: Run) -> None:
    ran = run(*verb)
    assert ran.code == 1
    assert "'nobody' is not there" in ran.err


def test_deleting_nothing_can_be_fine(run: Run) -> None:
    assert run("delete", "nobody", "--ignore-not-found").code == 0


def test_a_misspelt_verb(run: Run) -> None:
    ran = run("aply")
    assert ran.code == 2
    assert "did you mean 'apply'" in ran.err


def test_settings_that_are_wrong(run: Run, written: Write) -> None:
    written("limits:\n  nodez: 3\n", "llmwright.yaml")
    ran = run("plan", "-f", written(SERVE))
    assert ran.code == 2
    assert "llmwright.yaml:2" in ran.err
    assert "did you mean" in ran.err


def test_a_config_that_is_not_there(run: Run, written: Write) -> None:
    ran = run("check", "-f", written(TUNE + "  config: nowhere\n"))
    assert ran.code == 2
    assert "tuning.config" in ran.out
    assert "nowhere" in ran.out


def test_a_model_that_does_not_fit_is_refused_with_its_terms(run: Run, written: Write) -> None:
    ran = run("plan", "-f", written(SERVE.replace("demo", "deepseek-v3-0324")))
    assert ran.code == 2
    assert "does not fit" in ran.err
    assert "weights" in ran.err


@pytest.mark.parametrize(("right", "wrong"), [("    name: demo", "    nam: demo"), ("kind: ", "Kind: ")])
def test_a_misspelt_field_is_one_mistake(right: str, wrong: str, run: Run, written: Write) -> None:
    ran = run("check", "-f", written(SERVE.replace(right, wrong)))
    assert ran.code == 2
    assert f"did you mean '{right.split(':')[0].strip()}'" in ran.err
    assert "is required" not in ran.err


def test_another_namespace_than_the_file_says(run: Run, written: Write) -> None:
    ran = run("check", "-n", "b", "-f", written(SERVE.replace("name: mine", "name: mine\n  namespace: a")))
    assert ran.code == 2
    assert "--namespace says 'b'" in ran.err


def test_init_does_not_replace_a_file(run: Run, written: Write) -> None:
    path = written("precious: true\n")
    assert run("init", "tune").code == 2
    assert path.read_text() == "precious: true\n"
    assert run("init", "tune", "--force").code == 0


def test_a_bug_of_ours_is_confessed_and_logged(run: Run, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(here))
    monkeypatch.setattr("llmwright.cli.version._installed", lambda: 1 / 0)
    ran = run("version")
    assert ran.code == 1
    assert "internal error: ZeroDivisionError" in ran.err
    assert "Traceback" not in ran.err
    assert "ZeroDivisionError" in next(here.rglob("errors.log")).read_text()
