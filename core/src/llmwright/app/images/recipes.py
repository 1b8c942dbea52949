"""The images that this repository makes: ``deploy/images/images.toml`` and the container files beside it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmwright.errors import ConfigError, did_you_mean
from llmwright.values.image_names import built_image

RECIPES = Path("deploy/images/images.toml")
"""Where a checkout of the repository has them."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One image: its role, its container file, and the distributions in it.

    ``requirements`` are distributions of this repository, ``others`` distributions besides theirs. ``torch`` is a
    release of PyTorch other than the tested one, from ``index``; ``lowest_capability`` is the lowest CUDA compute
    capability of its kernels, as text.
    """

    role: str
    containerfile: Path
    requirements: tuple[str, ...]
    others: tuple[str, ...] = ()
    torch: str | None = None
    index: str | None = None
    cuda: str | None = None
    lowest_capability: str | None = None

    @property
    def image(self) -> str:
        """The name under which it is built."""
        return built_image(self.role)


def find_checkout(named: Path | None = None) -> Path:
    """Return the root of the checkout with the container files: ``named``, else the nearest from here upwards.

    Raises:
        ConfigError: there is none.
    """
    here = [named] if named else [Path.cwd(), *Path.cwd().parents]
    for folder in here:
        if (folder / RECIPES).is_file():
            return folder.resolve()
    where = f"{named} has no {RECIPES}" if named else f"there is no {RECIPES} here or above"
    hint = "images are built from a clone of the repository: go into it, or name it by --source"
    raise ConfigError(where, hint=hint, reason="NoContainerfiles")


def read_recipes(checkout: Path) -> dict[str, Recipe]:
    """Return the recipes of a checkout by their roles."""
    folder = (checkout / RECIPES).parent
    return {role: _recipe(role, folder, part) for role, part in tomllib.loads((checkout / RECIPES).read_text()).items()}


def chosen_recipes(recipes: dict[str, Recipe], roles: tuple[str, ...]) -> list[Recipe]:
    """Return the recipes of ``roles``, of the operator and the workloads where none is named. Raises ConfigError."""
    for role in roles:
        if role not in recipes:
            hint = did_you_mean(role, recipes, "llmwright images list")
            raise ConfigError(f"no image of ours has the role {role!r}", hint=hint, reason="UnknownImageRole")
    return [recipes[role] for role in roles or ("operator", "workload")]


def _recipe(role: str, folder: Path, part: dict[str, Any]) -> Recipe:
    return Recipe(
        role=role,
        containerfile=folder / part["containerfile"],
        requirements=tuple(part["requirements"]),
        others=tuple(part.get("others", ())),
        torch=part.get("torch"),
        index=part.get("index"),
        cuda=part.get("cuda"),
        lowest_capability=part.get("from"),
    )
