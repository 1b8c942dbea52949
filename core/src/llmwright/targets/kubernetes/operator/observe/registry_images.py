"""The images of a plan in their registries: asked for in the pool before a machine is, once for each image."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from llmwright.artifacts.image_presence import Presence
from llmwright.lifecycle.observed import Trouble
from llmwright.lifecycle.preflight import AGAIN_S, IMAGE_MISSING
from llmwright.plan.image_choice import plan_images
from llmwright.settings.model import Settings
from llmwright.targets.kubernetes.cluster.object_cache import Key
from llmwright.targets.kubernetes.operator.tasks import Lookups, Tasks
from llmwright.values.plan import Plan

FindPresence = Callable[[str], tuple[Presence, str]]

HOLDS_S: dict[Presence, float] = {"there": 3600.0, "missing": AGAIN_S / 2, "unknown": 600.0}
"""For how long an answer holds."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Answer:
    presence: Presence
    why: str
    until: float


class RegistryImages:
    """Knows which images are there; ``call`` has a pass made over a Workspace once a registry has answered.

    An image that nothing is known of, because its registry cannot be reached from here or wants a login that only
    nodes have, holds nothing up.
    """

    def __init__(
        self, find: FindPresence | None, settings: Settings, tasks: Tasks, call: Callable[[Key, float], None]
    ) -> None:
        """``find`` asks a registry; without it every image counts as there."""
        self._find, self._settings = find, settings
        self._lookups = Lookups("image", tasks, call)
        self._answers: dict[str, _Answer] = {}

    def trouble(self, key: Key, plan: Plan) -> Trouble | None:
        """Return the image that a registry does not have; that it is being asked; None where nothing is missing."""
        find = self._find
        if find is None or not self._settings.preflight:
            return None
        asked: list[str] = []
        for image, roles in plan_images(self._settings, plan).items():
            answer = self._answers.get(image)
            if answer is None or time.monotonic() >= answer.until:
                self._lookups.ask(key, image, partial(self._ask, image, find))
            if answer is None:
                asked.append(image)
            elif answer.presence == "missing":
                return Trouble(IMAGE_MISSING, _missing(image, roles, answer.why))
        if asked:
            return Trouble("PreflightPending", f"asking the registry for {asked[0]}")
        return None

    def _ask(self, image: str, find: FindPresence) -> None:
        presence, why = find(image)
        if presence == "unknown":
            log.info("whether %s is there is not known: %s", image, why)
        self._answers[image] = _Answer(presence, why, time.monotonic() + HOLDS_S[presence])


def _missing(image: str, roles: tuple[str, ...], why: str) -> str:
    return (
        f"image {image} (role {', '.join(roles)}) is in no registry: {why}; push it (`llmwright images list` names "
        f"all), or name another in the setting images.{roles[0]}"
    )
