"""Which processes of a pod are told the port of their progress."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from core.tests.targets.kubernetes.manifests.test_jobs import TUNER
from core.tests.targets.kubernetes.support.rendered import NODES, SERVER, TUNING, pod, render_input, serving

from llmwright.plugins.weights import FETCH_MODEL, weights_of
from llmwright.targets.kubernetes.manifests import tuning_objects
from llmwright.targets.kubernetes.manifests.progress_port import tells_download
from llmwright.testing import make_preset
from llmwright.values.launch import Launch, Process

OURS = replace(SERVER, main=replace(SERVER.main, image="workload"))
FOREIGN = replace(OURS, main=replace(SERVER.main, image="engine"), images={"engine": "acme/engine:1"})
OLDER = replace(OURS, main=replace(SERVER.main, image="workload-cuda12"))


def from_an_image(launch: Launch) -> Launch:
    weights = weights_of(make_preset(source="oci://r.example/models/mine:v1"))
    main = replace(launch.main, mounts=(*launch.main.mounts, *weights.mounts))
    return replace(launch, main=main, prepare=weights.prepare, volumes=(*launch.volumes, *weights.volumes))


def fetched_before(launch: Launch) -> Launch:
    step = Process(name=FETCH_MODEL, argv=("$(python)", "-m", "fetching"), image=launch.main.image)
    return replace(launch, prepare=(step,))


def telling(spec: dict[str, Any]) -> list[str]:
    """Return the containers that are told the port."""
    steps = (*spec.get("initContainers", ()), *spec["containers"])
    named = {"name": "LLMWRIGHT_PROGRESS_PORT", "value": "8009"}
    return [step["name"] for step in steps if named in step.get("env", ())]


def test_who_fetches_the_weights_of_a_server_tells_how_far_they_are() -> None:
    assert telling(pod(serving(OURS))) == ["ws"]
    assert telling(pod(serving(OLDER))) == ["ws"], "the image for older GPUs has the same programs"
    assert telling(pod(serving(from_an_image(OURS)))) == ["pull-model"]
    assert telling(pod(serving(from_an_image(FOREIGN)))) == ["pull-model"]
    assert telling(pod(serving(FOREIGN))) == [], "an engine of somebody else fetches by a library that tells nobody"
    assert telling(pod(serving(fetched_before(FOREIGN)))) == ["fetch-model"]
    assert telling(pod(serving(from_an_image(OURS), settings={"image_volumes": True}))) == []


def test_a_tuner_tells_its_steps_and_who_pulls_its_model_how_far_that_is() -> None:
    tuned = pod(tuning_objects(render_input(tuning=TUNING), from_an_image(TUNER), NODES))
    assert telling(tuned) == ["pull-model", "ws"]


def test_only_servers_that_may_tell_are_asked() -> None:
    assert tells_download(OURS)
    assert tells_download(OLDER)
    assert tells_download(fetched_before(FOREIGN))
    assert tells_download(from_an_image(FOREIGN))
    assert not tells_download(FOREIGN)
