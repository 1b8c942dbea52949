"""The images that pods of the settings start, as their registries answer for them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from llmwright.app.images.needed import OPERATOR, all_images
from llmwright.app.images.presence import find_image
from llmwright.errors import LLMwrightError
from llmwright.values.nodes import Finding

if TYPE_CHECKING:
    from llmwright.app.session import Session
    from llmwright.artifacts.image_presence import Presence

AT_ONCE = 8
LIST = "`llmwright images list` names all"


def image_findings(session: Session, operator_image: str) -> Iterator[Finding]:
    """Yield for each image whether a registry has it. Registries are asked from this machine, with its logins."""
    roles: dict[str, list[str]] = {operator_image: [OPERATOR]} if operator_image else {}
    for need in all_images(session):
        if need.role != OPERATOR:
            roles.setdefault(need.image, []).append(need.role)

    def ask(image: str) -> tuple[Presence, str]:
        try:
            return find_image(session, image)
        except LLMwrightError as error:
            return "unknown", error.message

    with ThreadPoolExecutor(AT_ONCE, "images") as pool:
        answers = list(pool.map(ask, roles))
    for image, (presence, why) in zip(roles, answers, strict=True):
        yield _finding(image, roles[image], presence, why)


def _finding(image: str, roles: list[str], presence: Presence, why: str) -> Finding:
    about = f"image of {', '.join(roles)}"
    if presence == "there":
        return Finding(about=about, state="ok", message=f"{image} is there")
    state: Any = "problem" if presence == "missing" else "unchecked"
    setting = f", or name another in the setting images.{roles[0]}" if roles[0] != OPERATOR else ""
    hint = f"push it{setting}; {LIST}" if presence == "missing" else ""
    return Finding(about=about, state=state, message=f"{image}: {why}", hint=hint)
