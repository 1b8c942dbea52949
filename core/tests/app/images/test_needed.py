"""Images in rendered objects."""

from __future__ import annotations

from llmwright.app.images.needed import rendered_images


def test_images_are_found_wherever_a_pod_template_lies() -> None:
    pod = {
        "initContainers": [{"name": "a", "image": "one"}],
        "containers": ({"name": "b", "image": "two"}, {"name": "c"}),
        "volumes": [{"name": "v", "image": {"reference": "three"}}, {"name": "w", "emptyDir": {}}],
    }
    ray = {"spec": {"workerGroupSpecs": [{"template": {"spec": {"containers": [{"image": "four"}]}}}]}}
    assert [*rendered_images({"spec": {"template": {"spec": pod}}})] == ["one", "two", "three"]
    assert [*rendered_images(ray)] == ["four"]
    assert [*rendered_images({"kind": "Service", "spec": {"ports": [80]}})] == []
