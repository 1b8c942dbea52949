"""What each program is told, by a stand-in that writes down its arguments."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from llmwright.app.images.engines import ENGINES, Build, Engine, find_engine
from llmwright.errors import ConfigError, TargetError


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Programs of every name that write their arguments into this file; a build named ``bad`` fails."""
    said = tmp_path / "told"
    for name in ENGINES:
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/sh\necho "{name} $*" >> {said}\ncase "$*" in *bad*) echo no >&2; exit 7;; esac\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    return said


def a_build(image: str = "localhost/x:1") -> Build:
    return Build(Path("/c/Containerfile"), Path("/c"), image, {"BASE": "b"}, epoch=77)


@pytest.mark.parametrize(
    ("engine", "words"),
    [
        (Engine("buildah", "chroot"), ["--isolation chroot", "--timestamp 77", "--identity-label=false"]),
        (Engine("podman"), ["--timestamp 77", "--layers"]),
        (Engine("docker"), ["buildx build", "SOURCE_DATE_EPOCH=77", "rewrite-timestamp=true"]),
    ],
)
def test_files_get_one_time_in_every_program(told: Path, engine: Engine, words: list[str]) -> None:
    engine.build(a_build())
    line = told.read_text()
    assert all(word in line for word in [*words, engine.name, "--build-arg BASE=b", "-t localhost/x:1"]), line


def test_a_build_that_fails_names_the_program_and_its_code(told: Path) -> None:
    with pytest.raises(TargetError, match="buildah build ended with code 7"):
        Engine("buildah").build(a_build("localhost/bad:1"))


def test_the_first_that_is_there_is_taken(told: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert find_engine(None, None) == Engine("buildah")
    assert find_engine("docker", None) == Engine("docker")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="none of buildah, podman, docker is installed"):
        find_engine(None, None)
    with pytest.raises(ConfigError, match="podman is not installed"):
        find_engine("podman", None)
