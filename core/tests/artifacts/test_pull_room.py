"""What a pull that was killed leaves, and what the next one makes of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llmwright.artifacts.image_manifest import OCI_MANIFEST, Image, as_json, read_image
from llmwright.artifacts.pull_room import LASTING, PullRoom, lasting_room


def image(name: str) -> Image:
    config = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": f"sha256:{'0' * 64}", "size": 2}
    about = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [], "annotations": {"n": name}}
    return read_image(as_json(about), OCI_MANIFEST, name)


def killed_while_it_moves(destination: Path) -> None:
    """Leave what a pull of ``first`` leaves that is killed after one of its two entries."""
    with pytest.raises(KeyboardInterrupt), lasting_room(destination) as room:
        _move_half(room, destination)


def _move_half(room: PullRoom, destination: Path) -> None:
    room.begin(image("first"))
    room.data.mkdir()
    for name in ("config.json", "weights"):
        (room.data / name).write_text("first")
    room.move_to(destination)
    (destination / "weights").rename(room.data / "weights")
    raise KeyboardInterrupt


def test_the_pull_of_another_image_removes_what_had_been_moved(tmp_path: Path) -> None:
    killed_while_it_moves(tmp_path)
    (tmp_path / "mine").write_text("of the user")
    with lasting_room(tmp_path) as room:
        room.begin(image("second"))

    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_the_pull_of_the_same_image_moves_the_rest(tmp_path: Path) -> None:
    killed_while_it_moves(tmp_path)
    with lasting_room(tmp_path) as room:
        room.begin(image("first"))
        assert room.moving
        room.move_to(tmp_path)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "weights"]


@pytest.mark.parametrize("moves", [["../outside"], ["..", "", "."], ["a/b"], 5, [None], None])
def test_a_note_leads_nowhere_else(tmp_path: Path, moves: object) -> None:
    destination, outside = tmp_path / "to", tmp_path / "outside"
    (destination / "a").mkdir(parents=True)
    for kept in (outside, destination / "a" / "b"):
        kept.write_text("kept")
    (destination / LASTING).mkdir()
    (destination / LASTING / "progress.json").write_text(json.dumps({"image": "another", "moves": moves}))
    with lasting_room(destination) as room:
        room.begin(image("first"))

    assert outside.exists()
    assert (destination / "a" / "b").exists()
