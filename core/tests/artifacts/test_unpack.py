"""Hostile archives: nothing leaves the folder, nothing is followed, nothing grows past its limit."""

from __future__ import annotations

import contextlib
import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmwright.artifacts.image_manifest import OCI_LAYER
from llmwright.artifacts.unpack import Allowance, unpack_layer
from llmwright.errors import ConfigError

DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
PLAIN_LAYER = "application/vnd.oci.image.layer.v1.tar"

Entry = tuple[str, bytes | None]


def tar(
    *entries: Entry,
    change: Callable[[tarfile.TarInfo], None] = lambda info: None,
    tar_format: int = tarfile.DEFAULT_FORMAT,
) -> bytes:
    """An archive of files, and of directories where the content is None; ``change`` spoils the last entry."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tar_format) as archive:
        for number, (name, content) in enumerate(entries):
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content or b""), 0o644
            if content is None:
                info.type, info.mode = tarfile.DIRTYPE, 0o700
            if number == len(entries) - 1:
                change(info)
            archive.addfile(info, io.BytesIO(content or b""))
    return buffer.getvalue()


def unpack(folder: Path, *layers: bytes, kind: str = OCI_LAYER, max_bytes: int = 10**7, entries: int = 100) -> Path:
    allowance = Allowance(max_bytes, entries)
    for content in layers:
        path = folder / "layer"
        path.write_bytes(content if kind == PLAIN_LAYER else gzip.compress(content))
        unpack_layer(path, kind, folder / "data", allowance, "image x")
    return folder / "data"


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("kind", [OCI_LAYER, DOCKER_LAYER, PLAIN_LAYER])
def test_only_what_lies_under_data_is_taken(tmp_path: Path, kind: str) -> None:
    layer = tar(
        ("bin/sh", b"x"), ("./data", None), ("./data/a.csv", b"1"), ("data/sub/b.csv", b"2"), ("database", b"3")
    )
    data = unpack(tmp_path, layer, kind=kind)
    assert names(data) == ["a.csv", "sub", "sub/b.csv"]
    assert (data / "sub/b.csv").read_bytes() == b"2"
    assert (data / "sub").stat().st_mode & 0o777 == 0o755


def test_links_outside_data_do_not_matter(tmp_path: Path) -> None:
    def link(info: tarfile.TarInfo) -> None:
        info.type, info.linkname = tarfile.SYMTYPE, "/etc"

    assert names(unpack(tmp_path, tar(("data/a", b"1"), ("bin", b""), change=link))) == ["a"]


@pytest.mark.parametrize(
    "name", ["../x", "data/../../x", "data/sub/../x", "/data/x", "/etc/x", "data/..", "data/..\\x", "data\\..\\x"]
)
def test_paths_that_lead_out(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="leads out") as caught:
        unpack(tmp_path, tar(("data/ok", b"1"), (name, b"evil")))
    assert caught.value.reason == "BadImage"
    assert names(tmp_path) == ["data", "data/ok", "layer"]


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.GNUTYPE_SPARSE],
)
@pytest.mark.parametrize("name", ["data/x", "data"])
def test_links_and_special_files(tmp_path: Path, kind: bytes, name: str) -> None:
    def spoil(info: tarfile.TarInfo) -> None:
        info.type, info.linkname = kind, "/etc/passwd"

    with pytest.raises(ConfigError) as caught:
        unpack(tmp_path, tar((name, b""), change=spoil))
    assert caught.value.reason == "BadImage"


def test_a_link_and_then_a_file_through_it(tmp_path: Path) -> None:
    def link(info: tarfile.TarInfo) -> None:
        info.type, info.linkname = tarfile.SYMTYPE, str(tmp_path)

    with pytest.raises(ConfigError, match="is a link"):
        unpack(tmp_path, tar(("data/d", b""), change=link), tar(("data/d/evil", b"x")))
    assert not (tmp_path / "evil").exists()


def test_data_must_be_a_directory(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a file"):
        unpack(tmp_path, tar(("data", b"1")))


def test_sparse_files_that_are_larger_than_their_archive(tmp_path: Path) -> None:
    headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(1 << 50)}

    def sparse(info: tarfile.TarInfo) -> None:
        info.pax_headers = headers | {"GNU.sparse.name": "data/big"}

    layer = tar(("data/big", b"0\n".ljust(512, b"\0")), change=sparse, tar_format=tarfile.PAX_FORMAT)
    with pytest.raises(ConfigError, match="sparse"):
        unpack(tmp_path, layer)


def test_bombs_in_and_beside_data(tmp_path: Path) -> None:
    for name in ("data/zeros", "elsewhere/zeros"):
        with pytest.raises(ConfigError) as caught:
            unpack(tmp_path, tar((name, bytes(2_000_000)), ("data/a", b"1")), max_bytes=1_000_000)
        assert caught.value.reason == "TooLarge"


def test_the_limit_counts_all_layers(tmp_path: Path) -> None:
    layer = tar(("data/a", bytes(400_000)))
    with pytest.raises(ConfigError, match="larger than the limit"):
        unpack(tmp_path, layer, layer, layer, max_bytes=1_000_000)


def test_many_entries(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="more files"):
        unpack(tmp_path, tar(*((f"x{n}", b"") for n in range(11))), entries=10)


def test_a_header_made_to_fill_the_memory(tmp_path: Path) -> None:
    def long(info: tarfile.TarInfo) -> None:
        info.pax_headers = {"comment": "x" * 3_000_000}

    with pytest.raises(ConfigError, match="too large"):
        unpack(tmp_path, tar(("data/a", b"1"), change=long, tar_format=tarfile.PAX_FORMAT))


def test_later_layers_replace_and_delete(tmp_path: Path) -> None:
    first = tar(("data/a", b"1"), ("data/b", b"1"), ("data/d/x", b"1"), ("data/e/x", b"1"), ("data/f", b"1"))
    second = tar(
        ("data/a", b"2"), ("data/.wh.b", b""), ("data/d/.wh..wh..opq", b""), ("data/e", b"2"), ("data/f", None)
    )
    data = unpack(tmp_path, first, second)
    assert names(data) == ["a", "d", "e", "f"]
    assert (data / "a").read_bytes() == (data / "e").read_bytes() == b"2"
    assert (data / "f").is_dir()


@pytest.mark.parametrize("mark", ["data/.wh.", "data/.wh..", "data/.wh..."])
def test_whiteouts_that_name_nothing(tmp_path: Path, mark: str) -> None:
    with pytest.raises(ConfigError, match="names nothing"):
        unpack(tmp_path, tar((mark, b"")))


def test_layers_of_other_kinds_and_damaged_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be unpacked"):
        unpack(tmp_path, tar(("data/a", b"1")), kind=OCI_LAYER.replace("gzip", "zstd"))
    good = gzip.compress(tar(("data/a", bytes(range(256)) * 400)))
    for bad in (b"no archive" * 100, good[: len(good) // 2], good[:-200], good[:40] + good[50:]):
        (tmp_path / "bad").write_bytes(bad)
        with pytest.raises(ConfigError) as caught:
            unpack_layer(tmp_path / "bad", OCI_LAYER, tmp_path / "d", Allowance(10**7), "image x")
        assert caught.value.reason == "BadImage"


@pytest.mark.parametrize("kind", [OCI_LAYER, PLAIN_LAYER])
def test_a_layer_of_no_bytes_is_an_empty_one(tmp_path: Path, kind: str) -> None:
    (tmp_path / "layer").write_bytes(b"")
    unpack_layer(tmp_path / "layer", kind, tmp_path / "d", Allowance(10), "image x")
    assert not (tmp_path / "d").exists()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 3000), st.binary(min_size=1, max_size=20))
def test_spoilt_archives_give_clear_errors_only(
    tmp_path_factory: pytest.TempPathFactory, place: int, noise: bytes
) -> None:
    folder = tmp_path_factory.mktemp("spoilt")
    good = tar(("data/a", b"1" * 600), ("data/sub/b", b"2"))
    spoilt = good[:place] + noise + good[place + len(noise) :]
    with contextlib.suppress(ConfigError):
        unpack(folder, spoilt, kind=PLAIN_LAYER)
    assert {path.name for path in folder.iterdir()} <= {"layer", "data"}
