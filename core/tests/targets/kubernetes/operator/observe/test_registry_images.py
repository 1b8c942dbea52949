"""The images of plans in registries: one question for each, nothing held up where nothing is known."""

from __future__ import annotations

import threading
from collections import Counter
from queue import Queue

import pytest
from tests.support.plans import make_plan

from llmwright.artifacts.image_presence import Presence
from llmwright.settings.model import Settings
from llmwright.targets.kubernetes.cluster.object_cache import Key
from llmwright.targets.kubernetes.operator.observe.registry_images import RegistryImages
from llmwright.targets.kubernetes.operator.tasks import Tasks
from llmwright.values.launch import Launch, Process
from llmwright.values.plan import Plan

ENGINE = "mirror.corp/team/engine:1"


def serving() -> Plan:
    launch = Launch(main=Process(name="serve", argv=("serve",), image="engine"), images={"engine": "team/engine:1"})
    return make_plan(serving=launch)


class Registry:
    """Answers what a test says, and counts what it is asked."""

    def __init__(self, presence: Presence, **settings: object) -> None:
        self.presence, self.asked, self.called = presence, Counter[str](), Queue[Key]()
        self.tasks, self.open = Tasks(2), threading.Event()
        self.open.set()
        self.images = RegistryImages(
            self._find,
            Settings.model_validate({"imageRegistry": "mirror.corp", **settings}),
            self.tasks,
            lambda key, _: self.called.put(key),
        )

    def _find(self, image: str) -> tuple[Presence, str]:
        self.open.wait(10.0)
        self.asked[image] += 1
        return self.presence, "the registry answered 404"


@pytest.mark.parametrize("presence", ["there", "unknown"])
def test_nothing_is_held_up_but_by_an_answer(presence: Presence) -> None:
    registry = Registry(presence)
    first = registry.images.trouble(("a", "one"), serving())
    assert first is not None
    assert (first.reason, first.message) == ("PreflightPending", f"asking the registry for {ENGINE}")
    assert registry.called.get(timeout=10.0) == ("a", "one")
    assert registry.images.trouble(("a", "one"), serving()) is None
    assert registry.images.trouble(("a", "two"), serving()) is None
    assert registry.asked == {ENGINE: 1}
    registry.tasks.stop()


def test_an_image_that_is_missing_is_named_with_its_role_and_the_remedy() -> None:
    registry = Registry("missing")
    registry.images.trouble(("a", "one"), serving())
    registry.called.get(timeout=10.0)
    trouble = registry.images.trouble(("a", "one"), serving())
    assert trouble is not None
    assert trouble.reason == "ImageMissing"
    assert f"image {ENGINE} (role engine) is in no registry: the registry answered 404" in trouble.message
    assert "the setting images.engine" in trouble.message
    registry.tasks.stop()


def test_all_that_wait_for_one_image_are_called_when_it_is_known() -> None:
    registry = Registry("there")
    registry.open.clear()
    keys: list[Key] = [("a", str(number)) for number in range(20)]
    for key in keys:
        assert registry.images.trouble(key, serving()) is not None
    registry.open.set()
    assert sorted(registry.called.get(timeout=10.0) for _ in keys) == sorted(keys)
    assert registry.asked == {ENGINE: 1}
    registry.tasks.stop()


def test_without_preflight_no_registry_is_asked() -> None:
    registry = Registry("missing", preflight=False)
    assert registry.images.trouble(("a", "one"), serving()) is None
    assert registry.asked == {}
    registry.tasks.stop()
