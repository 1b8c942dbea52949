"""The plugin that the README shows in ten lines is one, and the page on pip has every extra."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from llmwright.api.document import Document, parse_workspace
from llmwright.errors import Problem

README = Path(__file__).parents[2] / "README.md"


def test_the_plugin_in_ten_lines_answers_its_hook() -> None:
    block = re.search(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert block is not None
    assert len([line for line in block[1].splitlines() if line]) <= 10
    module: dict[str, Any] = {}
    exec(block[1], module)
    answer = module["check_workspace"]

    def problems(labels: dict[str, str]) -> list[Problem]:
        data = {
            "apiVersion": "kaito.sh/v1beta1",
            "kind": "Workspace",
            "metadata": {"name": "mine", "labels": labels},
            "inference": {"preset": {"name": "demo"}},
        }
        return list(answer(workspace=parse_workspace(Document(data)), plan=None))

    assert [problem.path for problem in problems({})] == ["metadata.labels"]
    assert problems({"cost-centre": "7"}) == []
    assert hasattr(answer, "llmwright_impl")


def test_each_extra_is_told() -> None:
    project = tomllib.loads((README.parent / "core/pyproject.toml").read_text(encoding="utf-8"))["project"]
    page = (README.parent / "docs/pip.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `([a-z]+)` \|", page, re.MULTILINE)
    assert sorted(told) == sorted(project["optional-dependencies"])
