"""What was pasted with a YAML, or left in it, is named, and not the line where the parser gave up."""

from __future__ import annotations

import pytest

from llmwright.errors import InvalidWorkspace, Problem
from llmwright.reading.yaml_reader import read

PLAIN = "kind: Workspace\nmetadata:\n  name: a\n"


def problem_of(text: str) -> Problem:
    with pytest.raises(InvalidWorkspace) as caught:
        read(text, "w.yaml")
    return caught.value.problems[-1]


@pytest.mark.parametrize(
    ("text", "said", "line", "column"),
    [
        (f"```yaml\n{PLAIN}```\n", "a mark of Markdown", 1, 1),
        (f"{PLAIN}\n```\n", "a mark of Markdown", 5, 1),
        (f"kubectl apply -f- <<EOF\n{PLAIN}EOF\n", "a command of a shell", 1, 1),
        (f"cat <<'EOF' | kubectl apply -f -\n{PLAIN}EOF\n", "a command of a shell", 1, 1),
        (f"$ kubectl apply -f a.yaml\n{PLAIN}", "a command of a shell", 1, 1),
        (f"{PLAIN}inference: {{{{ .Values.inference }}}}\n", "a placeholder of a template", 4, 12),
        ("kind: Workspace\nmetadata:\n  name: {{ .Release.Name }}-phi\n", "a placeholder of a template", 3, 9),
        ("{{- if .Values.on }}\n" + PLAIN + "{{- end }}\n", "a placeholder of a template", 1, 1),
        ("{% if on %}\n" + PLAIN, "a placeholder of a template", 1, 1),
        ("kind: Workspace\nmetadata:\n  name:\u00a0a\n  x: b\n", "only looks like a space (U+00A0)", 3, 8),
        ("kind: Workspace\nmetadata:\n  name:\u3000a\n  x: b\n", "only looks like a space (U+3000)", 3, 8),
        ("kind: Workspace\n  metadata: a\n", "not valid YAML: mapping values", 2, 11),
        ("kind:\n\tmetadata: a\n", "a tab", 2, 1),
    ],
)
def test_the_cause_is_named(text: str, said: str, line: int, column: int) -> None:
    problem = problem_of(text)
    assert said in problem.message
    assert (problem.line, problem.column) == (line, column)
    assert problem.hint


@pytest.mark.parametrize(
    "text",
    [
        PLAIN + "note: '{{ .Values.x }} and ```'\n",
        "# kubectl apply -f w.yaml <<EOF\n" + PLAIN,
        PLAIN + "script: |\n  cat <<EOF\n  ```\n  EOF\n",
        "\ufeff" + PLAIN,
        PLAIN + "text: a\u00a0b\n",
    ],
)
def test_the_same_in_a_text_that_is_yaml_is_no_fault(text: str) -> None:
    assert len(read(text, "w.yaml")) == 1
