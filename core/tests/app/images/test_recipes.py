"""The recipes of this checkout, and where a checkout is looked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.documents import ROOT

from llmwright.app.images.recipes import chosen_recipes, find_checkout, read_recipes
from llmwright.app.images.wheels import Wheel, digest
from llmwright.errors import ConfigError


def test_every_recipe_names_a_container_file_and_packages_of_this_repository() -> None:
    recipes = read_recipes(ROOT)
    ours = {path.parent.name for path in ROOT.glob("plugins/*/pyproject.toml")}
    assert {"operator", "workload", "workload-cuda12", "ray"} == {*recipes}
    for recipe in recipes.values():
        assert recipe.containerfile.is_file()
        for requirement in recipe.requirements:
            name = requirement.partition("[")[0]
            folder = name.removeprefix("llmwright-").replace("-", "_")
            assert folder in {"llmwright", "presets"} or folder in ours


def test_the_image_for_older_gpus_has_another_build_of_the_tested_pytorch() -> None:
    recipe = read_recipes(ROOT)["workload-cuda12"]
    tested = (ROOT / "constraints/tested.txt").read_text()
    assert recipe.torch is not None
    assert f"torch=={recipe.torch.partition('+')[0]}" in tested
    assert (recipe.lowest_capability, recipe.index) == ("5.0", "https://download.pytorch.org/whl/cu126")


def test_a_checkout_is_found_from_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / "docs")
    assert find_checkout() == ROOT
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"no deploy/images/images\.toml here or above") as refused:
        find_checkout()
    assert "clone" in refused.value.hint
    with pytest.raises(ConfigError, match=r"has no deploy/images/images\.toml"):
        find_checkout(tmp_path)


def test_without_roles_the_operator_and_the_workloads_are_built() -> None:
    recipes = read_recipes(ROOT)
    assert [recipe.role for recipe in chosen_recipes(recipes, ())] == ["operator", "workload"]
    with pytest.raises(ConfigError, match="no image of ours has the role 'oprator'") as refused:
        chosen_recipes(recipes, ("oprator",))
    assert "operator" in refused.value.hint


def test_a_digest_of_wheels_follows_their_bytes() -> None:
    wheel = Wheel(Path("a-1-py3-none-any.whl"), "a", "1", "00")
    other = Wheel(Path("a-1-py3-none-any.whl"), "a", "1", "01")
    assert digest([wheel]) == digest([wheel]) != digest([other])
