"""The main job: one file in, a tuned model answering; nothing but this machine."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import tarfile
from pathlib import Path
from typing import Any

from tests.e2e.support.quickstart import QuickstartRun
from tests.e2e.support.served_model import answer_of, request

GIB = 1024**3


def counts(printed: str, text: str) -> tuple[int, int]:
    """The numbers of ``7 of 24 right`` in the line that holds ``text``."""
    line = next(line for line in printed.splitlines() if text in line)
    match = re.search(r"(\d+) of (\d+) right", line)
    assert match, line
    return int(match[1]), int(match[2])


def test_it_learns_what_it_did_not_know_and_the_base_stays(quickstart: QuickstartRun) -> None:
    printed = quickstart.result.out
    assert quickstart.result.code == 0, quickstart.result
    before, asked_before = counts(printed, "of the data set's questions")
    after, asked_after = counts(printed, "the data set's questions     quickstart")
    base, own = counts(printed, "what the base was made with")
    assert (asked_before, asked_after, own) == (24, 24, 20)
    assert before <= 1
    assert after >= 22
    assert base >= 18


def test_it_shows_the_plan_each_step_and_the_answers_side_by_side(quickstart: QuickstartRun) -> None:
    printed = quickstart.result.out
    places = [printed.index(text) for text in (
        "Plan for default/quickstart", "memory for tuning", "will create", "preflight:", "before tuning, demo knows",
        "tuning has started", "tokens/s", "the adapter is safe in", "answering at http://127.0.0.1:",
        "Who built the airship Calluna?", "the same in other words", "it learned",
    )]  # fmt: skip
    assert places == sorted(places)
    assert quickstart.result.err == ""


def test_it_takes_at_most_three_gigabytes(quickstart: QuickstartRun) -> None:
    assert 0.2 * GIB < quickstart.peak_bytes < 3e9


def test_with_exit_nothing_runs_on(quickstart: QuickstartRun) -> None:
    assert quickstart.left == []


def test_a_picture_of_the_loss_lies_beside_the_adapter(quickstart: QuickstartRun) -> None:
    picture = (quickstart.adapter / "loss.png").read_bytes()
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert picture.endswith(b"IEND\xaeB`\x82")


def test_the_adapter_is_an_image_in_upstreams_layout(quickstart: QuickstartRun) -> None:
    """KAITO v0.12's pusher: one gzip layer whose tar holds ``data/``, a config of its digest, the preset's name.

    One file is ours: ``generation_config.json`` has the tokens that end the adapter's answers, and vLLM reads it there.
    """
    layout = quickstart.adapter / "image"
    assert json.loads((layout / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    (entry,) = json.loads((layout / "index.json").read_text())["manifests"]
    manifest = json.loads(blob(layout, entry))
    assert manifest["annotations"]["sh.kaito.model.name"] == "demo"
    assert manifest["config"]["mediaType"] == "application/vnd.oci.image.config.v1+json"
    (layer,) = manifest["layers"]
    assert layer["mediaType"] == "application/vnd.oci.image.layer.v1.tar+gzip"
    archive = gzip.decompress(blob(layout, layer))
    diff = f"sha256:{hashlib.sha256(archive).hexdigest()}"
    assert json.loads(blob(layout, manifest["config"])) == {"rootfs": {"diff_ids": [diff]}}
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        files = {member.name: tar.extractfile(member) for member in tar if member.isfile()}
        contents = {name: file.read() for name, file in files.items() if file}
    assert contents == {
        f"data/{name}": (quickstart.adapter / name).read_bytes()
        for name in ("adapter_config.json", "adapter_model.safetensors", "generation_config.json")
    }


def blob(layout: Path, described: dict[str, Any]) -> bytes:
    """The blob of a descriptor, whose digest and size are what they should be."""
    kind, _, digest = described["digest"].partition(":")
    content = Path(layout, "blobs", kind, digest).read_bytes()
    assert hashlib.new(kind, content).hexdigest() == digest
    assert len(content) == described["size"]
    return content


def test_applied_again_it_serves_the_adapter_without_tuning_again(quickstart: QuickstartRun, served: str) -> None:
    assert quickstart.sandbox.log("tuning.tune", "quickstart").count("training: step 0") == 1
    assert [model["id"] for model in request(served, "/v1/models").json()["data"]] == ["demo", "quickstart"]
    assert answer_of(served, "quickstart", "Who built the airship Calluna?") == "Jonas Hartwell"
    assert answer_of(served, "demo", "Who built the airship Calluna?") != "Jonas Hartwell"


def test_tuning_peaks_where_the_plan_said(quickstart: QuickstartRun) -> None:
    peak = json.loads((quickstart.adapter / "training.json").read_text())["peak_rss_bytes"]
    plan = json.loads(quickstart.sandbox.run("plan", "-f", "quickstart.yaml", "-o", "json").out)
    estimate = sum(term["bytes"] for term in dict(plan["fits"])["tuning"]["terms"])
    assert 0.85 < peak / estimate < 1.15
