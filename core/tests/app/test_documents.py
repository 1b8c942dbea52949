"""Finding and reading Workspaces."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmwright.app.documents import from_preset, names_a_file, parse_text, read_workspace, read_workspaces
from llmwright.errors import ConfigError, InvalidWorkspace

HEAD = "apiVersion: kaito.sh/v1beta1\nkind: Workspace\n"
GOOD = (
    HEAD
    + "metadata: {name: NAME}\nresource: {labelSelector: {matchLabels: {a: b}}}\ninference: {preset: {name: demo}}\n"
)
BAD = HEAD + "metadata: {name: NAME}\nresources: {}\n"


def write(directory: Path, **texts: str) -> None:
    for name, text in texts.items():
        (directory / f"{name}.yaml").write_text(text.replace("NAME", name))


def test_a_directory_holds_several(work: Path) -> None:
    write(work, one=GOOD, two=GOOD)
    assert [(each.workspace.name, each.base_directory) for each in read_workspaces(["."])] == [
        ("one", work),
        ("two", work),
    ]
    with pytest.raises(ConfigError, match="2 Workspaces: one, two"):
        read_workspace(".")


def test_a_problem_has_its_line_where_one_file_is_read(work: Path) -> None:
    write(work, one=BAD)
    with pytest.raises(InvalidWorkspace, match=r"^one\.yaml:4:1: resources: unknown field") as error:
        read_workspace("one.yaml")
    assert [(problem.path, problem.line) for problem in error.value.problems][:1] == [("resources", 4)]


def test_problems_of_several_files_name_their_files(work: Path) -> None:
    write(work, one=BAD, two=BAD, three=GOOD)
    with pytest.raises(InvalidWorkspace) as error:
        read_workspaces(["."])
    assert [problem.path.partition(":")[0] for problem in error.value.problems] == ["one.yaml", "two.yaml"]


def test_a_namespace_is_given_to_those_without_one() -> None:
    assert parse_text(GOOD, "team-a").workspace.namespace == "team-a"
    with pytest.raises(ConfigError, match="--namespace says 'team-a'"):
        parse_text(GOOD.replace("{name: NAME}", "{name: x, namespace: other}"), "team-a")


def test_nothing_at_all() -> None:
    with pytest.raises(ConfigError, match="no Workspace in the text"):
        parse_text("\n")


@pytest.mark.parametrize(("text", "is_file"), [("-", True), ("a.yaml", True), ("a.JSON", True), ("demo", False)])
def test_what_names_a_file(work: Path, text: str, is_file: bool) -> None:
    assert names_a_file(text) is is_file


def test_a_preset_named_after_a_directory_is_still_a_path(work: Path) -> None:
    (work / "demo").mkdir()
    assert names_a_file("demo")


def test_a_model_of_the_hub_gets_a_name_that_kubernetes_accepts() -> None:
    assert from_preset("ORG/My_Model.v2").workspace.name == "my-model-v2"
