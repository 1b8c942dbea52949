"""Reading YAML: what is understood, and what is refused with which words and where."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from llmwright.api.document import Document, load_documents, parse_workspace, to_mapping, to_yaml
from llmwright.api.versions import V1ALPHA1_INSTANCE_TYPE, with_defaults
from llmwright.api.workspace import Workspace
from llmwright.errors import InvalidWorkspace, Problem
from llmwright.reading.yaml_paths import render_path, split_path
from llmwright.reading.yaml_scalars import plain_scalar

SERVE = """\
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata:
  name: talk
resource:
  instanceType: Standard_NC24ads_A100_v4
  labelSelector:
    matchLabels:
      app: talk
inference:
  preset:
    name: phi-4
"""


def problems_of(text: str) -> list[Problem]:
    with pytest.raises(InvalidWorkspace) as refused:
        parse_all(text)
    return list(refused.value.problems)


def parse_all(text: str) -> list[Workspace]:
    return [parse_workspace(document) for document in load_documents(text, "ws.yaml")]


def only_problem(text: str) -> Problem:
    found = problems_of(text)
    assert len(found) == 1, found
    return found[0]


def test_a_workspace_is_read_and_written_as_it_was() -> None:
    (document,) = load_documents(SERVE, "ws.yaml")
    workspace = parse_workspace(document)
    assert workspace.name == "talk"
    assert workspace.preset is not None
    assert workspace.preset.name == "phi-4"
    assert to_yaml(workspace) == SERVE
    assert to_mapping(workspace) == document.data


def test_positions_are_those_of_the_keys_and_the_items() -> None:
    (document,) = load_documents("a:\n  b:\n    - x\n    - c: 1\n", "f")
    assert document.position("a.b") == (2, 3)
    assert document.position("a.b[0]") == (3, 7)
    assert document.position("a.b[1].c") == (4, 7)
    assert document.position("a.b[1].missing.deeper") == (4, 7)
    assert Document({}).position("a") is None


def test_several_documents_are_each_read_and_empty_ones_left_out() -> None:
    documents = load_documents(f"---\n---\n{SERVE}---\n# nothing\n---\n{SERVE}", "f")
    assert [parse_workspace(document).name for document in documents] == ["talk", "talk"]
    assert documents[1].position("kind") == (19, 1)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("y", "y"),
        ("010", "010"),
        ("1_000", "1_000"),
        ("1:20", "1:20"),
        ("2024-01-01", "2024-01-01"),
        ("0x10", 16),
        ("-7", -7),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1e999", "1e999"),
        (".inf", ".inf"),
        ("1234567890123456789012345", "1234567890123456789012345"),
        ("-", "-"),
        (".", "."),
        ("1.2.3", "1.2.3"),
        ("true", True),
        ("yes", "yes"),
        ("~", None),
    ],
)
def test_plain_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    found = plain_scalar(text)
    assert (found, type(found)) == (value, type(value))


def test_anchors_and_merges_are_followed() -> None:
    (document,) = load_documents("a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}\ne: [*x]\n", "f")
    assert document.data["d"] == {"b": 1, "c": 3}
    assert document.data["e"] == [{"b": 1, "c": 2}]


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("a:\n\tb: 1\n", 2, 1, "a tab where YAML wants spaces"),
        ("a:\n  - x\n \t- y\n", 3, 2, "a tab where YAML wants spaces"),
        ("a: 1\nb: 2\na: 3\n", 3, 1, "twice, first on line 1"),
        ("a: [1, 2\n", 2, 1, "not valid YAML"),
        ("a: b: c\n", 1, 5, "mapping values are not allowed"),
        ("a: &x [*x]\n", 1, 8, "no anchor &x ends before this alias"),
        ("? [a]\n: 1\n", 1, 3, "a key must be text"),
        ("a: !!python/object:os.system x\n", 1, 4, "is not known here"),
        ("[" * 300, 1, 101, "nested more than 100 levels"),
        ("- " * 300, 1, 201, "nested more than 100 levels"),
        ("a: \x00\n", None, None, "a character that YAML does not allow"),
        ("a: \ud800\n", None, None, "not valid Unicode"),
        ("a" * 2_000_000, None, None, "the text has 2,000,000 characters"),
    ],
)
def test_bad_text_is_refused_where_it_is_bad(text: str, line: int | None, column: int | None, words: str) -> None:
    found = only_problem(text)
    assert words in found.message
    assert (found.line, found.column) == (line, column)


def test_aliases_that_stand_for_gigabytes_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    found = only_problem("\n".join(lines))
    assert found.reason == "TooLarge"
    assert found.line == 5


def test_all_wrong_fields_are_named_at_once() -> None:
    text = (
        SERVE.replace("labelSelector", "labelselector")
        .replace("instanceType: Standard_NC24ads_A100_v4", "instanceType: 123")
        .replace("kind: Workspace", "kind: Worksapce")
        .replace("preset:", "presets:")
    )
    found = {problem.path: problem for problem in problems_of(text + "count: 2\nspec: {resource: {}}\n")}
    assert found["resource.labelselector"].hint == "did you mean 'labelSelector'?"
    assert found["resource.instanceType"].message == "must be text, not the number 123"
    assert found["resource.instanceType"].hint == 'put quotes around it: "123"'
    assert found["resource.instanceType"].line == 6
    (listed,) = problems_of(SERVE.replace("Standard_NC24ads_A100_v4", "[Small, Large]"))
    assert listed.hint == 'write the types in one text: "Small, Large"'
    assert found["kind"].hint == "did you mean 'Workspace'?"
    assert found["inference.presets"].hint == "did you mean 'preset'?"
    assert "resource.count" in found["count"].hint
    assert "no spec" in found["spec.resource"].hint
    assert len(found) == 6


@pytest.mark.parametrize(
    ("count", "message"),
    [
        ("two", "must be a whole number, not the text 'two'"),
        ('"2"', "must be a whole number, not the text '2'"),
        ("2.5", "must be a whole number, not the number 2.5"),
        ("true", "must be a whole number, not true"),
        ("010", "must be a whole number, not the text '010'"),
    ],
)
def test_a_count_is_a_whole_number(count: str, message: str) -> None:
    found = only_problem(SERVE.replace("resource:", f"resource:\n  count: {count}"))
    assert (found.path, found.message) == ("resource.count", message)


@pytest.mark.parametrize(
    ("text", "path", "most"),
    [
        (SERVE.replace("resource:\n", "resource:\n  count: N\n"), "resource.count", 5000),
        (f"{SERVE}  replicas: N\n", "inference.replicas", 5000),
        (f"{SERVE}tuning:\n  ttlSecondsAfterFinished: N\n", "tuning.ttlSecondsAfterFinished", 2**31 - 1),
    ],
)
def test_numbers_that_no_cluster_can_carry_out_are_refused(text: str, path: str, most: int) -> None:
    parse_all(text.replace("N\n", f"{most}\n"))
    for number in (most + 1, 2_000_000_000_000):
        problem = only_problem(text.replace("N\n", f"{number}\n"))
        assert (problem.path, problem.reason) == (path, "OutOfRange")
        assert problem.message == f"must be at most {most}, not the number {number}"


@pytest.mark.parametrize("text", ["- a", "just text", "12", "a: 1", "[]", "false"])
def test_what_is_no_workspace_is_refused(text: str) -> None:
    assert problems_of(text)


def test_null_means_left_out() -> None:
    text = SERVE + "  adapters: null\n  replicas:\ntuning: ~\n"
    (document,) = load_documents(text, "f")
    assert parse_workspace(document).tuning is None


def test_open_objects_are_kept_as_they_stand() -> None:
    text = SERVE + "  runtimeConfig:\n    depth: {a: [1, null]}\n    off: no\n"
    (document,) = load_documents(text, "f")
    inference = parse_workspace(document).inference
    assert inference is not None
    assert inference.runtime_config == {"depth": {"a": [1, None]}, "off": "no"}


def test_v1alpha1_lacks_what_upstreams_lacks_and_has_our_additions() -> None:
    old = SERVE.replace("v1beta1", "v1alpha1")
    found = only_problem(old.replace("resource:", "resource:\n  partition: {mode: mig, profile: 1g.10gb}"))
    assert found.path == "resource.partition"
    assert "v1beta1" in found.hint
    (document,) = load_documents(old.replace("resource:", "resource:\n  provisioner: byo"), "f")
    assert parse_workspace(document).resource.provisioner == "byo"


@pytest.mark.parametrize(("version", "expected"), [("v1alpha1", V1ALPHA1_INSTANCE_TYPE), ("v1beta1", "")])
def test_defaults_are_those_of_the_version(version: str, expected: str) -> None:
    text = SERVE.replace("v1beta1", version).replace("  instanceType: Standard_NC24ads_A100_v4\n", "")
    (document,) = load_documents(text, "f")
    resource = with_defaults(parse_workspace(document)).resource
    assert (resource.count, resource.instance_type) == (1, expected)


@given(st.lists(st.one_of(st.text(min_size=1), st.integers(0, 99)), max_size=5))
def test_paths_can_be_taken_apart_again(parts: list[str | int]) -> None:
    assert split_path(render_path(parts)) == tuple(parts)


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cn"]), max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def test_a_merge_key_in_quotes_is_text() -> None:
    (document,) = load_documents('{"<<": [], "a": {"<<": {"b": 1}}}', "f")
    assert document.data == {"<<": [], "a": {"<<": {"b": 1}}}


@given(st.dictionaries(TEXT, JSON, max_size=5))
def test_any_json_is_read_back_as_it_was(data: dict[str, object]) -> None:
    (document,) = load_documents(json.dumps(data, ensure_ascii=False), "f") or (Document({}),)
    assert document.data == data


@given(st.dictionaries(TEXT.filter(bool), TEXT, min_size=1, max_size=5))
def test_text_written_is_text_for_readers_of_both_yaml_versions(data: dict[str, str]) -> None:
    text = to_yaml(data)
    (document,) = load_documents(text, "f")
    assert document.data == data
    assert yaml.safe_load(text) == data


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(InvalidWorkspace):
        assert all(isinstance(workspace, Workspace) for workspace in parse_all(text))


@given(JSON)
def test_any_data_is_parsed_or_refused(data: object) -> None:
    base = {"apiVersion": "kaito.sh/v1beta1", "kind": "Workspace"}
    for document in (Document(data), Document({**base, "resource": data}), Document({**base, "tuning": data})):
        with suppress(InvalidWorkspace):
            assert isinstance(parse_workspace(document), Workspace)


def test_files_of_the_repository_are_no_part_of_reading(tmp_path: Path) -> None:
    """A source is a name for messages only; it is never opened."""
    with pytest.raises(InvalidWorkspace, match=r"nowhere\.yaml:1:1: .*") as refused:
        parse_workspace(load_documents("- a", str(tmp_path / "nowhere.yaml"))[0])
    assert refused.value.source.endswith("nowhere.yaml")
