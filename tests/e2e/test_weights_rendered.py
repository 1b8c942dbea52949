"""The pod of a gated model of the hub, as it is rendered: whose token it sends, and what it downloads a second time."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.e2e.support.sandbox import Sandbox
from tests.e2e.support.swapped_runtime import KEY, PROGRAMS, QUIET
from tests.support.hub import COMMIT, TOKEN, Hub
from tests.support.rendered_pod import RenderedPod, kill, pod_of_stateful_set

import llmwright_presets
from llmwright.plugins.progress_server import PORT
from llmwright.testing.http_answers import Client
from llmwright.testing.served_model import COMPLETIONS
from llmwright.values.launch import API_KEY

MODEL, SECRET = "acme/demo", "hub"
WEIGHTS = "model.safetensors"
WORKSPACE = f"""\
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {{name: mine}}
resource: {{instanceType: Standard_NC24ads_A100_v4, labelSelector: {{matchLabels: {{apps: mine}}}}}}
inference:
  preset: {{name: guarded, presetOptions: {{modelAccessSecret: {SECRET}}}}}
  runtime: hf
"""


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A hub with the demo model, for those who accepted its licence."""
    hub = Hub()
    hub.add(MODEL, Path(llmwright_presets.__file__).parent / "demo", gated=True)
    yield hub
    hub.close()


def rendered(folder: Path, **settings: Any) -> Mapping[str, Any]:
    """Return the pod's spec that ``llmwright render`` prints for the model of the hub."""
    sandbox = Sandbox(folder / "sandbox")
    pack = yaml.safe_load(sandbox.ok("presets", "show", "demo", "-o", "yaml"))
    guarded = {"name": "guarded", "source": f"hf://{MODEL}", "revision": COMMIT, "gated": True}
    model = {key: value for key, value in pack["models"][0].items() if key != "questions"}
    (sandbox.work / "presets").mkdir()
    sandbox.write(yaml.safe_dump({**pack, "models": [{**model, **guarded}]}), "presets/guarded.yaml")
    sandbox.write(yaml.safe_dump({"presetDirectories": ["presets"], **settings}), "llmwright.yaml")
    printed = sandbox.ok("render", "--target", "kubernetes", "-f", sandbox.write(WORKSPACE))
    assert TOKEN not in printed
    spec = pod_of_stateful_set([*yaml.safe_load_all(printed)])
    for container in spec["containers"]:
        # Processes of one machine share its ports: nobody asks these for their progress.
        container["env"] = [each for each in container["env"] if each["name"] != PORT]
    return spec


def pod_in(folder: Path, spec: Mapping[str, Any], token: str = TOKEN) -> RenderedPod:
    folder.mkdir(exist_ok=True)
    return RenderedPod(spec, folder, {API_KEY.name: {API_KEY.key: KEY}, SECRET: {"HF_TOKEN": token}})


def environment(hub: Hub, folder: Path) -> dict[str, str]:
    path = os.pathsep.join((str(PROGRAMS["hf"]()), os.environ["PATH"]))
    return {"PATH": path, "HOME": str(folder), "HF_ENDPOINT": hub.url, **QUIET}


@contextlib.contextmanager
def serving(pod: RenderedPod, hub: Hub, folder: Path) -> Iterator[Client]:
    """The pod's container, ready; it is killed when the block ends."""
    process = pod.start(environment(hub, folder))
    try:
        yield pod.client(process, KEY)
    finally:
        kill(process)


def assert_answers(client: Client) -> None:
    body = {"model": "guarded", "prompt": "The ship", "max_tokens": 4}
    assert client.post(COMPLETIONS, body).status == 200


@pytest.mark.parametrize("kept", [True, False], ids=["a new pod", "the same pod"])
def test_the_secret_s_token_opens_the_hub_and_a_restart_downloads_nothing(hub: Hub, tmp_path: Path, kept: bool) -> None:
    """A new pod has the settings' volume. Without one the files live as long as the pod, whatever runs in it.

    The second start has no hub at all.
    """
    models = tmp_path / "models"
    models.mkdir()
    volume = {"hostPath": {"path": str(models), "type": "DirectoryOrCreate"}}
    spec = rendered(tmp_path, **({"weightsVolume": volume} if kept else {}))
    first = pod_in(tmp_path / "first", spec)
    with serving(first, hub, tmp_path / "first") as client:
        assert_answers(client)
    assert hub.downloads.count(WEIGHTS) == 1
    assert bool([*models.rglob(WEIGHTS)]) is kept
    assert TOKEN not in first.log("main")

    hub.close()
    folder = tmp_path / ("second" if kept else "first")
    with serving(pod_in(folder, spec), hub, folder) as client:
        assert_answers(client)


@pytest.mark.parametrize(
    ("token", "reason"), [("hf_strangerstranger", "LicenceNotAccepted"), ("hf_unknownunknown", "TokenInvalid")]
)
def test_a_token_of_somebody_else_ends_the_pod_with_the_cause(
    hub: Hub, tmp_path: Path, token: str, reason: str
) -> None:
    """It is the last line of the log, from which the operator has the reason of the status."""
    pod = pod_in(tmp_path / "pod", rendered(tmp_path), token)
    process = pod.start(environment(hub, tmp_path))
    assert process.wait(120) == 2
    last = pod.log("main").splitlines()[-1]
    assert last.startswith(f"error: {reason}: ")
    assert token not in pod.log("main")
    assert hub.downloads == []
