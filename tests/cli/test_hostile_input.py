"""Input that no careful user writes: one clear line with its place, exit code 2, and no traceback."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.test_bad_input import HEAD, SERVE, TUNE, TUNE_WITHOUT_INPUT
from tests.support.command import Ran, Run

Write = Callable[..., Path]
MACHINE = "resource:\n  instanceType: Standard_NC24ads_A100_v4\n  labelSelector: {matchLabels: {a: b}}\n"
CLUSTER = SERVE.replace("resource:\n  labelSelector: {}\n", MACHINE)
FAMILY = "kind: PresetFamily\nfamily: f\nmodels:\n  - {name: m, source: 'hf://o/m', parameters: %s}\n"


def refused(ran: Ran, *words: str, code: int = 2) -> str:
    """Return what was printed, where it is a refusal with these words and no more than a few lines."""
    text = ran.out + ran.err
    assert ran.code == code, text
    assert "internal error" not in text
    assert "Traceback" not in text
    assert len(text) < 20_000
    for word in words:
        assert word in text
    return text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("a: .e1\n", ["apiVersion"], id="a point and an exponent are no number"),
        pytest.param("a: !!float x\n", ["1:4", "tag"], id="a tag that its text is not of"),
        pytest.param(
            TUNE_WITHOUT_INPUT + '    urls: ["http://["]\n', ["tuning.input.urls[0]", "'http://['"], id="half a URL"
        ),
        pytest.param(TUNE_WITHOUT_INPUT + '    urls: ["a\\0b"]\n', ["tuning.input.urls[0]", "NUL"], id="NUL in a path"),
        pytest.param(
            TUNE_WITHOUT_INPUT + '    urls: ["file:///a%00b"]\n', ["tuning.input.urls[0]", "NUL"], id="NUL in a URL"
        ),
        pytest.param(
            TUNE_WITHOUT_INPUT + '    urls: ["~nosuchuser/x"]\n',
            ["tuning.input.urls[0]", "home directory"],
            id="no such user",
        ),
        pytest.param(
            TUNE_WITHOUT_INPUT + f"    urls: [{'x' * 300}]\n",
            ["tuning.input.urls[0]", "255 bytes"],
            id="a name too long",
        ),
        pytest.param(TUNE + f"  config: {'c' * 300}\n", ["tuning.config"], id="a config's name too long"),
        pytest.param(TUNE + '  config: "a\\0b"\n', ["tuning.config"], id="NUL in a config's name"),
        pytest.param(
            SERVE + "  runtimeConfig: {'[\"\\q\"]': 1}\n", ["inference.runtimeConfig"], id="a key like a path"
        ),
        pytest.param(
            SERVE + f"  runtimeConfig: {{maxModelLen: '{'9' * 300}'}}\n",
            ["inference.runtimeConfig.maxModelLen", "too large"],
            id="a length of 300 digits",
        ),
        pytest.param(
            SERVE.replace("demo", '"file:///%00"'), ["inference.preset.name"], id="NUL in a model's directory"
        ),
        pytest.param(
            SERVE.replace("demo", f"file:///{'x' * 300}"), ["inference.preset.name"], id="a directory too long"
        ),
    ],
)
def test_a_strange_text_is_refused_with_its_place(text: str, words: list[str], run: Run, written: Write) -> None:
    refused(run("check", "-f", written(text)), *words)


def test_markup_in_a_value_is_printed_as_it_was_written(run: Run, written: Write) -> None:
    text = TUNE.replace("labelSelector: {}", 'instanceType: "[/x]"\n  labelSelector: {}').replace("mine", "mine")
    ran = run("plan", "-f", written(text))
    assert "internal error" not in ran.err
    assert "[/x]" in ran.out + ran.err


@pytest.mark.parametrize("target", ["local", "kubernetes"])
@pytest.mark.parametrize(
    "inference",
    [
        pytest.param("  template: {spec: x}\n", id="a template's spec is a text"),
        pytest.param("  template: {spec: {containers: x}}\n", id="containers are a text"),
        pytest.param("  template: {spec: {containers: [1]}}\n", id="a container is a number"),
        pytest.param(
            "  template: {metadata: x, spec: {containers: [{name: c, image: i}]}}\n", id="metadata are a text"
        ),
        pytest.param("  template: {metadata: {labels: x}, spec: {containers: []}}\n", id="labels are a text"),
    ],
)
def test_a_template_of_another_form_is_refused(inference: str, target: str, run: Run, written: Write) -> None:
    ran = run(
        "render",
        "--target",
        target,
        "-f",
        written(HEAD.replace("resource:\n  labelSelector: {}\n", MACHINE) + "inference:\n" + inference),
    )
    refused(ran, "inference.template")


def test_a_chat_template_may_hold_what_looks_like_a_reference(run: Run, written: Write) -> None:
    for text in ("{{1}}$(volume.x)", "{{ '$(python)' }}", "{{1}}$(nothing.there)"):
        ran = run("render", "-f", written(SERVE + f'  runtimeConfig: {{chatTemplate: "{text}"}}\n'), "-o", "json")
        assert ran.code == 0, ran.err
        assert text in json.dumps(json.loads(ran.out), ensure_ascii=False)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("training_config: {ModelConfig: {a: 2001-13-45}}\n", ["ModelConfig.a"], id="a date that is none"),
        pytest.param("a: " + "[" * 3000, ["nest"], id="3,000 levels"),
        pytest.param(
            "training_config: {TrainingArguments: {max_steps: 1" + "0" * 400 + "}}\n", ["max_steps"], id="400 digits"
        ),
        pytest.param("training_config: !!timestamp x\n", ["tag"], id="a tag"),
    ],
)
def test_a_strange_config_file_is_refused(text: str, words: list[str], run: Run, written: Write) -> None:
    written(text, "training_config.yaml")
    refused(run("check", "-f", written(TUNE + "  config: training_config\n")), *words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(FAMILY % "!!float x", ["own.yaml", "4:"], id="a tag that its text is not of"),
        pytest.param(FAMILY % "2001-13-45", ["own.yaml", "models[0].parameters"], id="a date that is none"),
        pytest.param(FAMILY % ("1" + "0" * 400), ["own.yaml", "models[0].parameters"], id="400 digits"),
        pytest.param("[" * 3000, ["own.yaml", "nest"], id="3,000 levels"),
        pytest.param("kind: InstanceTypes\ncloud: c\ntypes: 1\n", ["own.yaml", "types"], id="types are a number"),
        pytest.param("kind: PresetFamily\nfamily: f\nmodels: 1\n", ["own.yaml", "models"], id="models are a number"),
        pytest.param(
            "kind: PresetFamily\nfamily: f\nmodels: {1: 2}\n", ["own.yaml", "models"], id="models are a mapping"
        ),
    ],
)
def test_a_strange_preset_file_is_named(text: str, words: list[str], run: Run, written: Write, here: Path) -> None:
    (here / "presets").mkdir()
    (here / "presets/own.yaml").write_text(text)
    ran = run("--presets", "presets", "presets", "list")
    told = ran.out + ran.err
    assert "internal error" not in told
    for word in words:
        assert word in told


class TestFiles:
    @pytest.mark.parametrize("kind", ["directory", "pipe", "loop", "long", "binary", "secret"])
    def test_a_workspace_that_is_no_file(self, kind: str, run: Run, here: Path) -> None:
        path = here / "w.yaml"
        words = make_strange(kind, path)
        name = "x" * 300 + ".yaml" if kind == "long" else "w.yaml"
        refused(run("check", "-f", name), words)

    @pytest.mark.parametrize("kind", ["directory", "pipe", "loop", "binary"])
    @pytest.mark.parametrize("way", ["--settings", "variable"])
    def test_settings_that_are_no_file(
        self, kind: str, way: str, run: Run, here: Path, written: Write, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        words = make_strange(kind, here / "s.yaml")
        if way == "variable":
            monkeypatch.setenv("LLMWRIGHT_SETTINGS", "s.yaml")
        arguments = ["--settings", "s.yaml"] if way == "--settings" else []
        ran = run(*arguments, "check", "-f", written(SERVE))
        assert ran.code == 2
        assert words in ran.err or "is a directory" in ran.err
        assert "internal error" not in ran.err

    def test_text_in_the_encodings_of_windows(self, run: Run, here: Path) -> None:
        for encoding in ("utf-8-sig", "utf-16"):
            (here / "w.yaml").write_bytes(SERVE.replace("\n", "\r\n").encode(encoding))
            assert run("check", "-f", "w.yaml").code == 0

    def test_a_pipe_of_the_shell_is_read(self, run: Run) -> None:
        reading, writing = os.pipe()
        os.write(writing, SERVE.encode())
        os.close(writing)
        assert run("check", "-f", f"/dev/fd/{reading}").code == 0
        os.close(reading)


def make_strange(kind: str, path: Path) -> str:
    """Put something that is no text file at ``path`` and return the words that name it."""
    if kind == "directory":
        path.mkdir()
        return "holds no"
    if kind == "pipe":
        os.mkfifo(path)
        return "is a pipe"
    if kind == "loop":
        path.symlink_to(path.name)
        return "symbolic links"
    if kind == "binary":
        path.write_bytes(b"\x00\xff\xfe")
        return "is not UTF-8 text"
    if kind == "secret":
        path.write_bytes(b"#" * 1_600_000)
        return "is larger than"
    return "too long"


def test_there_is_no_home_directory(run: Run, written: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda _: (_ for _ in ()).throw(KeyError("no such user")))
    monkeypatch.delenv("HF_HUB_OFFLINE")
    assert run("check", "-f", written(SERVE)).code == 0
    written("configDirectory: ~/state\n", "llmwright.yaml")
    refused(run("check", "-f", written(SERVE)), "configDirectory", "home directory")


@pytest.mark.parametrize("where", ["workspace", "options", "settings", "config"])
def test_of_many_problems_the_first_are_shown_and_the_rest_counted(where: str, run: Run, written: Write) -> None:
    keys = "\n".join(f"    key{number}: 1" for number in range(4_000))
    if where == "workspace":
        path = written(SERVE + "  adapters:\n" + keys.replace("    key", "  - key"))
    elif where == "options":
        path = written(SERVE + "  runtimeConfig:\n" + keys)
    elif where == "settings":
        written("limits:\n" + keys, "llmwright.yaml")
        path = written(SERVE)
    else:
        written("training_config:\n  ModelConfig:\n" + keys, "training_config.yaml")
        path = written(TUNE + "  config: training_config\n")
    refused(run("check", "-f", path), " more (mend these first)")
