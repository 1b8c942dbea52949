"""Nothing that a Workspace says is enough to run a model's own code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from llmwright.plugins.drivers import Driver
from llmwright.plugins.remote_code import option_problems, preset_problem
from llmwright.settings.model import Sources
from llmwright.testing import make_preset

NEEDS = make_preset(name="odd", source="hf://Acme/Odd", remote_code=True)
NOBODY = Sources().allows_code


class Asking(Driver):
    targets = frozenset({"local"})

    @classmethod
    def asks_remote_code(cls, options: Mapping[str, Any], files: Mapping[str, str]) -> Iterable[str]:
        return [*options, *files]


@pytest.mark.parametrize(
    ("allowed", "source", "allows"),
    [
        ((), "hf://acme/odd", False),
        (("hf://acme/odd",), "hf://Acme/Odd", True),
        (("hf://acme/*",), "hf://acme/odd", True),
        (("hf://acme/*",), "hf://acme-evil/odd", False),
        (("hf://acme/odd",), "hf://acme/odd-2", False),
        (("odd",), "hf://acme/odd", False),
        (("*",), "file:///anything", True),
    ],
)
def test_settings_name_the_models_whose_code_may_run(allowed: tuple[str, ...], source: str, allows: bool) -> None:
    assert Sources(remote_code=allowed).allows_code(source) is allows


def test_a_preset_that_needs_code_is_refused_with_the_setting() -> None:
    problem = preset_problem("inference.preset.name", NEEDS, NOBODY)

    assert problem is not None
    assert (problem.path, problem.reason, problem.severity) == ("inference.preset.name", "RemoteCodeRefused", "error")
    assert "odd cannot be loaded without Python code from hf://Acme/Odd" in problem.message
    assert "sources.remoteCode: ['hf://Acme/Odd']" in problem.hint
    assert preset_problem("", NEEDS, Sources(remote_code=("hf://acme/odd",)).allows_code) is None
    assert preset_problem("", make_preset(), NOBODY) is None


def test_each_place_that_asks_for_code_is_refused() -> None:
    asked = {"a.b": 1}, {"config.yaml:c": ""}

    problems = [*option_problems(Asking, *asked, make_preset(), NOBODY)]

    assert [problem.path for problem in problems] == ["a.b", "config.yaml:c"]
    assert {problem.reason for problem in problems} == {"RemoteCodeRefused"}
    assert [*option_problems(Asking, *asked, make_preset(), lambda _: True)] == []
    assert [*option_problems(Driver, *asked, make_preset(), NOBODY)] == []


def test_code_of_a_model_that_is_not_known_is_not_allowed() -> None:
    assert len([*option_problems(Asking, {"a": 1}, {}, None, lambda _: True)]) == 1
